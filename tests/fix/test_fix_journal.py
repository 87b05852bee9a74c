"""A journal that cannot be trusted: every verb refuses, touches nothing, and shows what was."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import time

import pytest

from ec2rl.facts.change_format import MAX_BYTES
from ec2rl.fix.change import State, Transaction
from ec2rl.fix.errors import FixError, JournalDamaged, Refused
from ec2rl.fix.journal import locked
from ec2rl.fix.machine import Machine
from ec2rl.fix.precheck import precheck
from ec2rl.fix.transaction import (
    apply,
    end_trials,
    history,
    recover,
    trials,
    undo,
    unsettled,
)
from fix.apart import apart
from fix.records import sealed
from fix.small import CHANGES, FILE, MAX, OLD_TEXT, picture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


RAW: tuple[Callable[[bytes], bytes], ...] = (
    lambda raw: b"",
    lambda raw: raw[:1],
    lambda raw: raw[: len(raw) // 2],
    lambda raw: raw[:-1],
    lambda raw: raw + b"\n",
    lambda raw: raw + raw,
    lambda raw: bytes(len(raw)),
    lambda raw: raw.replace(b"262144", b"262145"),
    lambda raw: raw.replace(b'"applied"', b'"undoing"'),
    lambda raw: raw.replace(b"sysctl.d", b"cron.d/x"),
    lambda raw: raw.upper(),
    lambda raw: raw.replace(b"\n", b"\r\n"),
    lambda raw: b"\xff" + raw,
    lambda raw: raw[raw.index(b"\n") :],
    lambda raw: raw.partition(b"\n")[0],
    lambda raw: b"\x1b[2J" + raw,
    lambda raw: b"[" * 100_000,
    lambda raw: b'{"sha256": "0",\n"change": ' + b"9" * 1_000_000 + b"}\n",
    lambda raw: raw + b" " * (512 << 10),
    lambda raw: b"x" * (5 << 20),
)


def _at(*way: str | int) -> Callable[[Any], tuple[Any, Any]]:
    def find(change: Any) -> tuple[Any, Any]:
        for step in way[:-1]:
            change = change[step]
        return change, way[-1]

    return find


# In a record, the items are a setting, a file with an image before, and a file without.
FIELDS: tuple[tuple[Callable[[Any], tuple[Any, Any]], Any], ...] = (
    (_at("schema"), 2),
    (_at("schema"), "1"),
    (_at("id"), 2),
    (_at("id"), True),
    (_at("id"), 10**17),
    (_at("state"), "done"),
    (_at("state"), None),
    (_at("why"), 1),
    (_at("time"), 1),
    (_at("time"), "now"),
    (_at("boot"), None),
    (_at("tool"), []),
    (_at("notes"), "none"),
    (_at("notes"), [1]),
    (_at("items"), {}),
    (_at("items"), ["x"]),
    (_at("items"), [[]]),
    (_at("items", 0, "key"), "kernel.core_pattern"),
    (_at("items", 0, "key"), "net.ipv4/../../kernel/x"),
    (_at("items", 0, "before"), "|/bin/sh"),
    (_at("items", 0, "before"), 262144),
    (_at("items", 0, "after"), "1\n2"),
    (_at("items", 0, "more"), "1"),
    (_at("items", 1, "path"), "/etc/cron.d/x.conf"),
    (_at("items", 1, "path"), "/etc/sysctl.d/../shadow.conf"),
    (_at("items", 1, "path"), 7),
    (_at("items", 1, "after"), None),
    (_at("items", 1, "before"), "text"),
    (_at("items", 1, "before", "data"), None),
    (_at("items", 1, "before", "data"), "\udc80"),
    (_at("items", 1, "before", "mode"), 0o4755),
    (_at("items", 1, "before", "mode"), -1),
    (_at("items", 1, "before", "uid"), 12345),
    (_at("items", 1, "before", "gid"), -1),
    (_at("items", 1, "before", "gid"), (1 << 32) - 1),
    (_at("items", 1, "before", "gid"), 1 << 32),
    (_at("items", 1, "before", "gid"), True),
    (_at("items", 1, "before", "uid"), False),
    (_at("items", 1, "before"), []),
    (_at("items", 1, "before"), False),
    (_at("items", 1, "before"), 0),
    (_at("items", 1, "before"), ""),
    (_at("items", 1, "before", "labels"), [["user.a\0b", ""]]),
    (_at("items", 1, "before", "labels"), [["user.\ud800", ""]]),
    (_at("items", 1, "before", "labels"), [["", ""]]),
    (_at("items", 1, "before", "labels"), [["user." + "x" * 300, ""]]),
    (_at("items", 1, "before", "data"), "x" * ((1 << 20) + 1)),
    (_at("time"), float("nan")),
    (_at("time"), float("inf")),
    (_at("time"), -1.0),
    (_at("time"), 1e17),
    (_at("boot"), "a\0b"),
    (_at("boot"), "\x1b[2J"),
    (_at("why"), "a\nb"),
    (_at("why"), "\ud800"),
    (_at("why"), "x" * 2000),
    (_at("items"), []),
    (_at("items"), [{"key": MAX, "before": "1", "asked": "2", "after": "2"}] * 2),
    (_at("notes"), ["x"] * 5000),
    (_at("more"), 1),
    (_at("items", 1, "before", "labels"), [["user.x", "no base64!"]]),
    (_at("items", 1, "before", "labels"), [["user.x"]]),
    (_at("items", 1, "before", "labels"), {}),
)


def untouched(machine: Machine) -> str:
    """Let every verb meet the journal, and give the reason that all of them gave."""
    seen = picture(machine)
    words = set()
    for verb in (
        lambda: undo(1, machine=machine),
        lambda: undo(1, machine=machine, partial=True),
        lambda: recover(machine=machine),
        lambda: history(machine=machine),
        lambda: apply(CHANGES, machine=machine, why=""),
    ):
        with pytest.raises(JournalDamaged) as caught:
            verb()
        words.add(str(caught.value))
    assert picture(machine) == seen
    assert len(words) == 1
    return words.pop()


def record_of(machine: Machine) -> str:
    apply(CHANGES, machine=machine, why="fix conntrackfull")
    return machine.root + machine.state + "/1.json"


@pytest.mark.parametrize("spoil", RAW, ids=range(len(RAW)))
def test_a_record_that_is_torn(machine: Machine, spoil: Callable[[bytes], bytes]) -> None:
    path = record_of(machine)
    with open(path, "rb") as file:
        raw = file.read()
    with open(path, "wb") as file:
        file.write(spoil(raw))
    words = untouched(machine)
    assert words.startswith(f"{path} is ")
    assert "nothing was touched. Move it away to go on." in words
    assert len(words) < 20_000
    assert all(c == "\n" or c.isprintable() for c in words)


@pytest.mark.parametrize(("find", "value"), FIELDS, ids=range(len(FIELDS)))
@pytest.mark.sampled(4)
def test_a_record_that_is_tampered_with_and_sealed_anew(
    machine: Machine, find: Callable[[Any], tuple[Any, Any]], value: Any
) -> None:
    path = record_of(machine)
    with open(path, "rb") as file:
        raw = file.read()
    change = json.loads(raw)["change"]
    assert sealed(change) == raw
    where, name = find(change)
    where[name] = value
    with open(path, "wb") as file:
        file.write(sealed(change))
    assert re.match(re.escape(path) + " is damaged: .*; nothing was touched.", untouched(machine))


def test_the_images_before_are_shown(machine: Machine) -> None:
    path = record_of(machine)
    with open(path, "rb") as file:
        raw = file.read()
    with open(path, "wb") as file:
        file.write(raw.replace(b"conntrackfull", b"conntrackfool"))
    words = untouched(machine).splitlines()
    assert words[0] == (
        f"{path} is damaged: its checksum is wrong; nothing was touched. Move it away to go on."
    )
    assert words[1] == f"{MAX} was: 262144"
    assert words[2].startswith(f"{FILE} was: {{'data': {OLD_TEXT!r}, ")
    assert words[3] == "/etc/modules-load.d/ec2rl.conf was: None"


@pytest.mark.parametrize("kind", ["symlink", "hard link", "fifo", "folder", "writable"])
def test_a_record_that_is_no_file_of_ours(machine: Machine, kind: str) -> None:
    path = record_of(machine)
    if kind == "writable":
        os.chmod(path, 0o666)
    else:
        aside = machine.root + "/aside"
        os.rename(path, aside)
        make = {
            "symlink": lambda: os.symlink(aside, path),
            "hard link": lambda: os.link(aside, path),
            "fifo": lambda: os.mkfifo(path),
            "folder": lambda: os.mkdir(path),
        }
        make[kind]()
    assert untouched(machine).startswith(path)


def test_a_journal_that_others_could_write(machine: Machine) -> None:
    record_of(machine)
    seen = picture(machine)
    os.chmod(machine.root + machine.state, 0o777)
    with pytest.raises(Refused, match=r"changes is writable by others$"):
        undo(1, machine=machine)
    assert picture(machine) == seen


def test_a_journal_that_cannot_be_looked_at_is_not_an_empty_one(machine: Machine) -> None:
    os.symlink("loop", machine.root + "/var/lib/ec2rl")
    os.symlink("ec2rl", machine.root + "/var/lib/loop")
    with pytest.raises(Refused, match="is a symbolic link, or no folder"):
        history(machine=machine)


def test_every_error_is_of_one_tree() -> None:
    assert issubclass(JournalDamaged, FixError)


NOTES = (b"inf", b"nan", b"1e308", b"-5", b"1e9", b"1_000", b" 5", b"5\n", "٣".encode(), b"9" * 99)


@pytest.mark.parametrize("note", NOTES, ids=range(len(NOTES)))
def test_a_note_of_a_trial_that_is_no_time(machine: Machine, note: bytes) -> None:
    record_of(machine)
    path = machine.root + machine.state + "/trial-1"
    with open(path, "wb") as file:
        file.write(note)
    seen = picture(machine)
    for verb in (
        lambda: trials(machine=machine),
        lambda: unsettled(1e10, machine=machine),
        lambda: end_trials(1e10, machine=machine),
    ):
        with pytest.raises(JournalDamaged) as caught:
            verb()
        assert str(caught.value).startswith(f"{path} is damaged: it is no time of a trial; nothing")
    assert picture(machine) == seen


@pytest.mark.parametrize("note", [b"", bytes(18), b"17900"])
def test_a_note_that_a_crash_has_torn_ends_its_trial(machine: Machine, note: bytes) -> None:
    record_of(machine)
    with open(machine.root + machine.state + "/trial-1", "wb") as file:
        file.write(note)
    assert end_trials(1790000000.0, machine=machine) == (1,)


@pytest.mark.more
def test_a_journal_is_full_before_it_is_too_large_to_be_read(machine: Machine) -> None:
    path = record_of(machine)
    with open(path, "rb") as file:
        change = json.loads(file.read())["change"]
    undo(1, machine=machine)
    for number in range(2, 1001):
        with open(f"{os.path.dirname(path)}/{number}.json", "wb") as file:
            file.write(sealed({**change, "id": number, "state": "undone"}))
    with pytest.raises(Refused, match="the journal is full: 1000 changes, the last is 1000"):
        apply(CHANGES, machine=machine, why="")
    os.link(path, f"{os.path.dirname(path)}/1001.json")
    with pytest.raises(JournalDamaged, match=r"holds more than 1000 changes$"):
        history(machine=machine)


def test_the_last_number_of_a_change_is_not_passed(machine: Machine) -> None:
    path = record_of(machine)
    with open(path, "rb") as file:
        change = json.loads(file.read())["change"]
    undo(1, machine=machine)
    with open(f"{os.path.dirname(path)}/999999999.json", "wb") as file:
        file.write(sealed({**change, "id": 999999999, "state": "undone"}))
    with pytest.raises(Refused, match="the journal is full: 2 changes, the last is 999999999"):
        apply(CHANGES, machine=machine, why="")


LARGE: tuple[bytes, ...] = (b'"", ', b"[], ", b"{}, ", b"1, ", b'"\\u00e9", ', b'{"a": []}, ')
"""What a record of 4 MiB can be full of; as objects it takes many times that."""


@pytest.mark.root
@pytest.mark.parametrize("more", [8, 20, 40])
@pytest.mark.parametrize("full_of", LARGE)
@pytest.mark.more
def test_a_record_that_takes_more_memory_than_there_is(
    machine: Machine, full_of: bytes, more: int
) -> None:
    """With `more` MiB beyond what the process has; some forms fit, and are damaged all the same."""
    path = record_of(machine)
    with open(path, "rb") as record:
        body = record.read().partition(b"\n")[2]
    notes = full_of * ((MAX_BYTES - len(body) - 200) // len(full_of))
    body = body.replace(b'"notes": []', b'"notes": [' + notes[:-2] + b"]")
    with open(path, "wb") as file:
        file.write(b'{"sha256": "%s",\n' % hashlib.sha256(body).hexdigest().encode() + body)

    def inside() -> str:
        with open("/proc/self/statm") as sizes:
            now = int(sizes.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + (more << 20), now + (more << 20)))
        try:
            history(machine=machine)
        except JournalDamaged as error:
            return str(error).splitlines()[0]
        return "believed"

    said = apart(0, inside)
    assert re.fullmatch(
        re.escape(path) + " (takes more memory than there is|is damaged: .*); nothing was touched. "
        "Move it away to go on.",
        said,
    )


def change_of(machine: Machine, state: State) -> Transaction:
    items = precheck(CHANGES, machine)
    return Transaction(1, state, "", time.time(), machine.boot(), "", items)


@pytest.mark.parametrize("state", [State.APPLYING, State.UNDOING])
def test_a_record_that_cannot_be_put_in_its_place_leaves_nothing_under_way(
    machine: Machine, state: State
) -> None:
    with locked(machine, "a test") as journal:
        os.mkdir(f"{machine.root}{machine.state}/1.json")
        with pytest.raises(OSError, match=r"1\.json"):
            journal.save(change_of(machine, state))
    assert not machine.interrupted()


def test_what_is_under_way_stays_so_when_more_of_it_cannot_be_noted(machine: Machine) -> None:
    with locked(machine, "a test") as journal:
        change = change_of(machine, State.APPLYING)
        journal.save(change)
        os.unlink(f"{machine.root}{machine.state}/1.json")
        os.mkdir(f"{machine.root}{machine.state}/1.json")
        with pytest.raises(OSError, match=r"1\.json"):
            journal.save(change)
    assert machine.interrupted()
