"""The record of each kind of change: read back as it was, and not believed where it is odd."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import pytest

from ec2rl.facts.change import (
    ArtefactItem,
    FileItem,
    Hunk,
    Image,
    Item,
    LinesItem,
    LinkItem,
    RenameItem,
    RightsItem,
    State,
    SysctlItem,
    SysfsItem,
    Transaction,
)
from ec2rl.facts.change_format import decode, encode
from ec2rl.record import replace
from fix.records import sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OLD = Image(b"a\xff\n", 0o640, 0, 4, (("trusted.x", b"\0\xff"),))
NEW = Image("ü\n".encode(), 0o644, 0, 0, None)
LINK = Image(b"a\xff", 0o777, 12, 34, None)
RIGHTS = Image(b"", 0o4755, 12, 34, None)
BUILT = Image(b"5 " + b"0a" * 32, 0o600, 0, 0, None)
ITEMS: tuple[Item, ...] = (
    SysctlItem("vm.swappiness", "60", "10", "10"),
    SysctlItem("net.ipv4.tcp_congestion_control", "cubic", "bbr", "bbr", 7, 8),
    SysctlItem("net.netfilter.a", "1", "2", "2", parameter="nf_conntrack/parameters/hashsize"),
    SysfsItem("/sys/block/nvme0n1/queue/scheduler", "none", "mq-deadline", "mq-deadline"),
    FileItem("/etc/fstab", OLD, NEW),
    FileItem("/etc/new.d/file", None, NEW, folder=True),
    LinesItem(
        "/etc/fstab",
        OLD,
        replace(OLD, data="ü\n\n".encode()),
        (Hunk(0, (b"a\xff",), ("ü".encode(),)), Hunk(1, (), (b"",))),
    ),
    RightsItem("/etc/shadow", RIGHTS, RIGHTS),
    RenameItem("/etc/a", "/etc/b", "folder"),
    LinkItem("/etc/localtime", None, LINK),
    LinkItem("/etc/localtime", LINK, None),
    ArtefactItem("/boot/a.img", ("/usr/bin/dracut", "{out}"), "initrd", 300, BUILT, None),
    FileItem("/etc/fstab", OLD, None),
)

ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 10**17, 0.5, "", "x", "a\0b", "\ud800", "/", "/etc/..", "/proc/a"),
    *("x" * 70_000, [], {}, [[]], [{}], ["x"], {"base64": "!"}, {"base64": 5}, {"kind": "rename"}),
    *("folder", "lines", "/etc/shadow", "../x/parameters/y", "|/bin/sh"),
)


def change(*items: Item) -> Transaction:
    return Transaction(1, State.APPLIED, "fix x", 1.5, "boot", "2", items, (), "x")


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_it_is_read_back_as_it_was(item: Item) -> None:
    raw = encode(change(item))
    removed = isinstance(item, FileItem) and item.after is None
    assert json.loads(raw)["change"]["schema"] == (5 if removed else 4)
    assert decode(raw, 1) == change(item)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if way:
        yield way
    if isinstance(value, (dict, list)):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*way, name))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_whatever_stands_in_a_field_is_what_it_must_be_or_refused(item: Item) -> None:
    record = json.loads(encode(change(item)))["change"]
    for way in places(record["items"]):
        for odd in ODD:
            forged = copy.deepcopy(record)
            where = forged["items"]
            for step in way[:-1]:
                where = where[step]
            where[way[-1]] = odd
            raw = sealed(forged)
            try:
                read = decode(raw, 1)
            except (ValueError, LookupError, TypeError):
                continue
            assert decode(encode(read), 1) == read
            assert all(told for one in read.items for told in (one.target, *one.words))


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (ITEMS[0], "'vm.swappiness' is no setting below net, in a record of this age"),
        (ITEMS[4], "'/etc/fstab' is no file that ec2rl writes, in a record of this age"),
        (ITEMS[8], "'/etc/a' is no file that ec2rl writes, in a record of this age"),
    ],
)
def test_a_record_of_an_older_form_has_no_newer_kind(item: Item, why: str) -> None:
    record = json.loads(encode(change(item)))["change"]
    for schema in (1, 2, 3):
        with pytest.raises(ValueError) as caught:
            decode(sealed({**record, "schema": schema}), 1)
        assert str(caught.value) == why
    with pytest.raises(ValueError, match="schema 6 is not known to this version"):
        decode(sealed({**record, "schema": 6}), 1)


LINES, ARTEFACT = ITEMS[6], ITEMS[11]
assert isinstance(LINES, LinesItem)
assert isinstance(ARTEFACT, ArtefactItem)


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (replace(LINES, before=replace(OLD, data=b"b\n")), "its lines are not those of its images"),
        (replace(LINES, after=replace(OLD, data=b"b\n")), "its lines are not those of its images"),
        (replace(LINES, hunks=(Hunk(9, (), ()),)), "its lines are not those of its images"),
        (replace(LINES, hunks=()), "its lines are not those of its images"),
        (replace(LINES, after=NEW), "lines of it have changed a mode, an owner or a label"),
        (replace(LINES, hunks=(Hunk(0, (), ()),) * 1001), "it changes lines at more than 1000 pl"),
        (replace(ARTEFACT, before=OLD), "an image of it is no size and checksum"),
        (replace(ARTEFACT, after=replace(BUILT, data=b"5 x")), "an image of it is no size and che"),
    ],
)
def test_what_is_shown_of_a_record_is_what_it_would_write(forged: Item, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode(encode(change(forged)), 1)


def test_only_schema_5_has_a_file_that_was_removed() -> None:
    record = json.loads(encode(change(ITEMS[-1])))["change"]
    for schema in (1, 2, 3, 4):
        with pytest.raises(ValueError, match=r"in a record of this age|not as this program writes"):
            decode(sealed({**record, "schema": schema}), 1)
    record["items"][0]["before"] = None
    with pytest.raises(ValueError, match="a file of it was never there"):
        decode(sealed(record), 1)
