"""Whose a console is, and of when a log: what keeps machines and moments apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ec2rl.evidence.identity import identity_of
from ec2rl.evidence.kinds import kind_of
from ec2rl.evidence.machines import Group, Item, machines

BOOT = (
    "[    0.000000] Linux version 6.12.48 (a@b) #1 SMP\r\n"
    "[    0.000000] Command line: root=/dev/vda ro console=ttyS0\r\n"
)
UP = BOOT + "[    3.100000] a line of {0}\r\n[    3.200000] and one more {0}\r\n\r\n"
MAIL = "2026-03-0{} 10:00:00 {} kernel: [  12.000000] nf_conntrack: table full, dropping packet\n"


def reply(instance: str, text: str, when: str = "2026-03-01T10:00:00.000Z") -> str:
    return json.dumps({"InstanceId": instance, "Output": text, "Timestamp": when}, indent=1)


def apart(*texts: str, names: tuple[str, ...] = ("a.log", "b.log")) -> list[str]:
    """The files of each machine, and at last why they are not of one."""
    items = []
    for name, text in zip(names, texts):
        data = text.encode()
        kind = kind_of(data)
        items.append(Item(name, kind, identity=identity_of(kind, data), mark=name))
    found = machines(Group(tuple(items)))
    return [*(" ".join(item.name for item in one.items) for one in found), found[0].why]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (reply("i-0123456789abcdef0", BOOT), reply("i-0123456789abcdef1", BOOT),
         "they name the instances i-0123456789abcdef0 and i-0123456789abcdef1"),
        (f"i-0123456789abcdef0\t{BOOT}", f"i-0123456789abcdef1\t{BOOT}",
         "they name the instances i-0123456789abcdef0 and i-0123456789abcdef1"),
        (json.dumps({"contents": BOOT, "selfLink": "https://g/v1/p/z/instances/web-7/serialPort"}),
         json.dumps({"contents": BOOT, "selfLink": "https://g/v1/p/z/instances/web-8/serialPort"}),
         "they name the instances web-7 and web-8"),
        (BOOT + "\r\nDebian GNU/Linux 12 shop-1 ttyS0\r\n\r\nshop-1 login: ",
         BOOT + "\r\nDebian GNU/Linux 12 shop-2 ttyS0\r\n\r\nshop-2 login: ",
         "they name the hosts shop-1 and shop-2"),
        (UP.format("one") + "Begin: Running /scripts/local-block ... done.\r\n",
         UP.format("another") + "(initramfs) ", "they tell of two different boots"),
        (BOOT + UP.format("one") + "localhost login: ", UP.format("another") + "localhost login: ",
         "they tell of two different boots"),
        (reply("i-0123456789abcdef0", BOOT),
         reply("i-0123456789abcdef0", BOOT, "2026-03-04T10:00:00.000Z"),
         "they are of two times, more than a day apart"),
    ],
)  # fmt: skip
def test_consoles_of_two_machines_or_boots_are_apart(one: str, other: str, why: str) -> None:
    assert apart(one, other) == ["a.log", "b.log", f"a.log, b.log: {why}"]


def test_two_looks_at_one_console_are_together() -> None:
    first = reply("i-0123456789abcdef0", UP.format("one"))
    later = reply("i-0123456789abcdef0", UP.format("one") + "x login: ", "2026-03-01T10:09:00Z")
    assert apart(first, later) == ["a.log b.log", ""]
    assert apart(UP.format("one") + "x login: ", UP.format("one") + "(initramfs) ")[0] == (
        "a.log b.log"
    )


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (MAIL.format(1, "mx-1"), MAIL.format(4, "mx-1"),
         "they are of two times, more than a day apart"),
        (MAIL.format(1, "mx-1"), MAIL.format(2, "mx-1"), ""),
        ("<6>1 2026-03-01T10:00:00Z mx-1.example.com kernel - - - x\n",
         "<6>1 2026-03-01T10:00:00.5+01:00 mx-2.example.com kernel - - - x\n",
         "they name the hosts mx-1 and mx-2"),
        ("cache-1  | [   12.000001] eth0: link up\ncache-1  | [   12.000002] x\n",
         "cache-2  | [   12.000001] eth0: link up\n", "they name the hosts cache-1 and cache-2"),
        ("cache-1 | [   12.000001] a\ncache-2 | [   12.000002] b\n",
         "cache-3 | [   13.000001] c\n", ""),
    ],
)  # fmt: skip
def test_logs_of_two_hosts_or_times_are_apart(one: str, other: str, why: str) -> None:
    assert apart(one, other)[-1] == (f"a.log, b.log: {why}" if why else "")


def test_a_log_and_its_rotation_are_of_one_machine_whatever_lies_between() -> None:
    texts = MAIL.format(1, "mx-1"), MAIL.format(9, "mx-1")
    for names in (("messages-20260302.gz", "messages"), ("kern.log.1", "kern.log")):
        assert apart(*texts, names=names)[-1] == ""


def test_of_two_looks_at_one_console_the_newest_tells_of_the_boot(tmp_path: Path) -> None:
    from ec2rl.host.queries.boot_text import BootText, Printed
    from ec2rl.host.recording import RecordedHost
    from ec2rl.host.saved_logs import open_logs

    paths = []
    for at in ("09", "11", "10"):
        path = tmp_path / f"at-{at}.json"
        when = f"2026-03-01T{at}:00:00.000Z"
        path.write_text(reply("i-0123456789abcdef0", UP.format(at), when), encoding="utf-8")
        paths.append(str(path))
    host = open_logs(paths, ())
    assert isinstance(host, RecordedHost)
    told = host.query(BootText())
    assert isinstance(told, Printed)
    assert told.path == paths[1]
