"""Which files are of one machine at one moment, and which are judged apart."""

from __future__ import annotations

from itertools import count
from typing import cast

import pytest

from ec2rl.evidence.identity import Identity, contradiction, identity_of
from ec2rl.evidence.kinds import Kind, Use, kind_of
from ec2rl.evidence.machines import Group, Item, machines

_indexes = count()
SYSCTL = Kind("sysctl -a", Use.SETTINGS)
STATS = Kind("conntrack -S", Use.TEXT, "conntrack -S")
TABLE = Kind("conntrack -L", Use.STREAM, "conntrack -L")
TABLE6 = Kind("conntrack -L of IPv6", Use.STREAM, "conntrack -L", "IPv6")
LOG = Kind("dmesg", Use.LOG)
SOS = Kind("tar archive", Use.ARCHIVE)
ROOT = Kind("mounted root", Use.ROOT)
RECORDING = Kind("recording", Use.RECORDING)


def item(name: str, kind: Kind, mark: str = "", host: str = "", release: str = "") -> Item:
    identity = Identity(host=host, release=release)
    return Item(name, kind, identity=identity, mark=mark or name, index=next(_indexes))


def ring(*stamps: float, salt: int = 0) -> Identity:
    return Identity(lines=tuple((at, hash(at) + salt) for at in stamps))


def names(*items: Item, groups: tuple[Group, ...] = ()) -> list[str]:
    return [" ".join(i.name for i in one.items) for one in machines(Group(items, groups))]


def test_what_contradicts_nothing_is_of_one_machine() -> None:
    log, sysctl, stats = item("d", LOG), item("s", SYSCTL, host="web1"), item("S", STATS)
    four, six = item("4", TABLE), item("6", TABLE6)
    assert names(log, sysctl, stats, four, six) == ["d s S 4 6"]
    assert names(log, groups=(Group((sysctl,), (Group((stats,)),)),)) == ["d s S"]


def test_two_hosts_are_apart_and_what_names_nobody_is_with_neither() -> None:
    a, b = item("a", SYSCTL, host="web1"), item("b", SYSCTL, host="db1")
    log, more = item("log", LOG, host="web1"), item("more", LOG)
    found = machines(Group((a, b, log, more)))
    assert [[i.name for i in one.items] for one in found] == [["a", "log"], ["b"], ["more"]]
    assert {one.why for one in found} == {"a, b: each is sysctl -a, of another moment or machine"}


def test_each_folder_is_a_machine_where_all_together_is_none() -> None:
    one = Group((item("a/s", SYSCTL, host="web1"), item("a/d", LOG), item("a/S", STATS)))
    two = Group((item("b/s", SYSCTL, host="db1"), item("b/d", LOG), item("b/S", STATS)))
    assert names(groups=(one, two)) == ["a/s a/d a/S", "b/s b/d b/S"]


def test_parts_of_one_machine_in_two_folders_come_together_again() -> None:
    one = Group((item("a/s", SYSCTL, host="web1"), item("a/S", STATS)))
    two = Group((item("b/s", SYSCTL, host="db1"),))
    logs = Group((item("logs/m", LOG, host="web1.example.com"),))
    assert names(groups=(one, two, logs)) == ["a/s a/S logs/m", "b/s"]


def test_two_answers_to_one_question_are_of_two_moments() -> None:
    log, one, two = item("d", LOG), item("S1", STATS), item("S2", STATS)
    assert names(one, two, log) == ["d", "S1", "S2"]
    same = item("S3", STATS, mark="S1")
    assert names(one, same, log) == ["S1 S3 d"]


def test_a_kernel_or_a_boot_that_is_another() -> None:
    sysctl = item("s", SYSCTL, host="web1", release="6.1.0")
    old, stats = item("d", LOG, release="5.10.0"), item("S", STATS)
    assert names(sysctl, old, stats) == ["s S", "d"]


def test_a_machine_with_files_beside_it() -> None:
    sos, table, log = item("sos", SOS), item("t", TABLE), item("l", LOG)
    assert names(sos, table) == ["sos t"]
    assert names(sos, table, log) == ["sos t", "l"]
    assert names(sos, item("root", ROOT), table) == ["sos", "root", "t"]
    assert names(item("r", RECORDING), table) == ["r", "t"]
    root = item("root", ROOT, host="web1")
    assert names(root, item("s", SYSCTL, host="db1")) == ["root", "s"]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (Identity(host="web1"), Identity(host="WEB1.example.com"), ""),
        (Identity(host="web1"), Identity(machine="a"), ""),
        (Identity(host="web1"), Identity(host="db1"), "they name the hosts web1 and db1"),
        (Identity(boot="a"), Identity(boot="b"), "they name the boots a and b"),
        (Identity(release="5"), Identity(release="6"), "they name the kernels 5 and 6"),
        (ring(1, 2, 3), ring(2, 3, 4), ""),
        (ring(1, 3), ring(1, 2, 3, 4), ""),
        (ring(1, 2), ring(3, 4), ""),
        (ring(1, 2), ring(), ""),
        (ring(1, 2, 3), ring(1, 2, 3, salt=7), "they tell of two different boots"),
        (Identity(modified=0.0), Identity(modified=80_000.0), ""),
        (
            Identity(modified=0.0),
            Identity(modified=90_000.0),
            "their files are of two moments, more than a day apart",
        ),
    ],
)
def test_contradictions(one: Identity, other: Identity, why: str) -> None:
    assert contradiction(one, other) == contradiction(other, one).replace(
        "db1 and web1", "web1 and db1"
    ).replace("b and a", "a and b").replace("6 and 5", "5 and 6")
    assert contradiction(one, other) == why


def known(text: str) -> dict[str, object]:
    data = text.encode()
    found = vars(identity_of(kind_of(data), data, 5.0))
    return {name: value for name, value in found.items() if value not in ("", (), None)}


def test_what_a_file_says_of_where_it_is_from() -> None:
    boot = "11111111-1111-1111-1111-111111111111"
    assert known(
        f"kernel.hostname = web1.example.com\nkernel.osrelease = 6.1.0-13-amd64\n"
        f"kernel.random.boot_id = {boot}\n"
    ) == {"host": "web1.example.com", "release": "6.1.0-13-amd64", "boot": boot, "modified": 5.0}
    assert known("Linux web1 6.1.0 #1 SMP x86_64 GNU/Linux\n") == {
        "host": "web1",
        "release": "6.1.0",
    }
    text = (
        "[    0.000000] Linux version 6.1.0 (a)\n[    1.5] odd\n"
        "[    2.000000] systemd[1]: Hostname set to <web1>.\n[    3.000000] cu"
    )
    found = known(text)
    assert [at for at, _ in cast("list[tuple[float, int]]", found.pop("lines"))] == [2.0]
    assert found == {"host": "web1", "release": "6.1.0"}
    syslog = "Nov 26 07:00:0{} {} kernel: [    1.000000] x\n"
    assert known(syslog.format(0, "localhost") + syslog.format(1, "web1")) == {"host": "web1"}
    assert known(syslog.format(0, "localhost")) == {}
    assert known('{"_HOSTNAME":"web1","MESSAGE":"x","_MACHINE_ID":"%s"}\n' % ("a" * 32)) == {
        "host": "web1",
        "machine": "a" * 32,
    }
    assert known("cpu=0 found=1 drop=0\n") == {"modified": 5.0}


def test_rings_are_compared_without_what_is_printed_around_their_lines() -> None:
    forms = (
        "[    {}.500000] {}\n",
        "<6>[    {}.500000] {}\n",
        "kern  :info  : [    {}.500000] {}\n",
    )
    texts = ["".join(form.format(n, f"message {n}") for n in range(1, 9)) for form in forms]
    texts.append(forms[0].replace("]", "][    T1]").format(1, "message 1"))
    one, *others = (identity_of(LOG, text.encode()) for text in texts)
    assert [contradiction(one, other) for other in others] == ["", "", ""]
