"""What df printed: in its forms, in other languages, of room and of inodes."""

from __future__ import annotations

import pytest

from ec2rl.evidence.kinds import kind_of
from ec2rl.facts.df import parse_df, read_df
from ec2rl.facts.space import INODES, ROOM, FileSystem
from ec2rl.host.recording import RecordedHost
from ec2rl.host.sos_layout import Use, use

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

PLAIN = (
    "Filesystem     1K-blocks     Used Available Use% Mounted on\n"
    "tmpfs             400000     1000    399000   1% /run\n"
    "/dev/nvme0n1p1  20961280 20961280         0 100% /\n"
    "/dev/loop3         56832    56832         0 100% /snap/core18/1\n"
)
FORMS = {
    PLAIN: (20961280 * KIB, 0, 0),
    "Filesystem      Size  Used Avail Use% Mounted on\n/dev/root  7.6G  7.4G  201M  98% /\n": (
        int(7.6 * GIB), int(7.6 * GIB) - int(7.4 * GIB), 201 * MIB),
    "Filesystem     Type  Size  Used Avail Use% Mounted on\n/dev/xvda1  ext4  8G  8G  0 100% /\n": (
        8 * GIB, 0, 0),
    "Dateisystem    1K-Blöcke   Benutzt Verfügbar Verw% Eingehängt auf\n"
    "/dev/sda1 100 60 40 60% /\n": (
        100 * KIB, 40 * KIB, 40 * KIB),
    "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"
    "/dev/mapper/a-very-long-name-of-a-volume\n"
    "                     1000       900        50  95% /\n": (
        1000 * KIB, 100 * KIB, 50 * KIB),
    "Filesystem           1M-blocks      Used Available Use% Mounted on\noverlay 10 9 1 90% /\n": (
        10 * MIB, MIB, MIB),
}  # fmt: skip
OF_INODES = (
    "Filesystem       Inodes   IUsed    IFree IUse% Mounted on\n"
    "/dev/nvme0n1p1 10485760  180000 10305760    2% /\n"
)


@pytest.mark.parametrize("text", FORMS)
def test_the_room_of_the_root_in_each_form(text: str) -> None:
    assert kind_of(text.encode()).name == "df"
    (one,) = parse_df(text)
    assert (one.size, one.free, one.available) == FORMS[text]
    assert (one.folder, one.unknown) == ("/", INODES)


def test_room_and_inodes_together_and_each_alone() -> None:
    assert kind_of(OF_INODES.encode()).name == "df -i"
    (alone,) = read_df(RecordedHost({"df -i": OF_INODES}))
    assert (alone.inodes_free, alone.unknown) == (10305760, ROOM)
    (both,) = read_df(RecordedHost({"df": PLAIN, "df -i": OF_INODES}))
    assert (both.lacks_room, both.inodes, both.unknown) == (True, 10485760, "")
    assert read_df(RecordedHost({})) == ()


@pytest.mark.parametrize(
    "text", ["", "total 4\ndrwxr-xr-x 2 root root 40 /\n", "/dev/sda1 on / type ext4 (rw)\n"]
)
def test_other_text_tells_of_none(text: str) -> None:
    assert parse_df(text) == ()
    assert not kind_of(text.encode()).name.startswith("df")


def test_a_sosreport_has_both() -> None:
    names = ("df_-al_-x_autofs", "df_-ali_-x_autofs", "df_-al")
    found = [use(f"sos_commands/filesys/{name}") for name in names]
    assert found == [(Use.TEXT, "df"), (Use.TEXT, "df -i"), (Use.TEXT, "df")]


def test_a_dash_is_no_number() -> None:
    assert parse_df("/dev/sda1 - - - - /mnt\n") == ()
    assert isinstance(parse_df("/dev/sda1 4 2 2 50% /mnt\n")[0], FileSystem)
