"""The files that make settings of any family last, and whether a drop-in file counts."""

from __future__ import annotations

import pytest

from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable, Why
from ec2rl.next_boot.drop_in import does_not_count
from ec2rl.next_boot.files import MARK, BootFiles, Names, boot_files
from ec2rl.remedies import WriteFile

KEYS = {f"net.ipv4.neigh.default.gc_thresh{n}": 1024 << n for n in (1, 2, 3)}
FIRST = "/etc/sysctl.d/99-zz-ec2rl-neighbourfull.conf"
SECOND = "/etc/sysctl.d/zzz-ec2rl-neighbourfull.conf"
LOAD = "/etc/modules-load.d/ec2rl-neighbourfull.conf"
NAMES = Names((FIRST, SECOND), LOAD)
TEXT = MARK + "".join(f"{key} = {value}\n" for key, value in KEYS.items())
HOST = {
    "/proc/sys/kernel/osrelease": "6.1.0",
    "/proc/cmdline": "",
    "ls /usr/lib/systemd": "systemd-sysctl",
    **{f"/proc/sys/{key.replace('.', '/')}": "128" for key in KEYS},
}


def proposed(looks: dict[str, str], wanted: dict[str, int | str] | None = None) -> BootFiles:
    return boot_files(RecordedHost({**HOST, **looks}), wanted or dict(KEYS), NAMES)


def test_a_file_of_ours_for_all_of_them() -> None:
    found = proposed({})
    assert found.changes == (WriteFile(FIRST, TEXT, None),)
    assert found.lasting
    assert found.after[2] == f"net.ipv4.neigh.default.gc_thresh3  8,192  ({FIRST}:4)"


def test_nothing_where_it_lasts_already() -> None:
    assert proposed({"/etc/sysctl.d/50.conf": TEXT}).changes == ()


def test_a_name_that_comes_later_where_somebody_else_would_win() -> None:
    theirs = {"/etc/sysctl.d/99-zzz.conf": "net.ipv4.neigh.default.gc_thresh3=1024"}
    assert [change.path for change in proposed(theirs).changes] == [SECOND]


def test_what_cannot_last_is_told_with_who_decides() -> None:
    theirs = {"/etc/sysctl.d/zzzz.conf": "net/ipv4/neigh/default/gc_thresh3=1024"}
    assert proposed(theirs).not_persistent == (
        "net.ipv4.neigh.default.gc_thresh3 will be 1024: "
        "/etc/sysctl.d/zzzz.conf:1: net/ipv4/neigh/default/gc_thresh3=1024",
    )
    script = {"/etc/rc.local": "sysctl -w net.ipv4.neigh.default.gc_thresh3=1024"}
    assert proposed(script).not_persistent == (
        "net.ipv4.neigh.default.gc_thresh3: rc.local sets it to 1024 (if this line is run): "
        "/etc/rc.local:1: sysctl -w net.ipv4.neigh.default.gc_thresh3=1024",
    )


def test_what_our_file_held_before_stays_in_it() -> None:
    (change,) = proposed({FIRST: f"{MARK}vm.swappiness = 5\n"}).changes
    assert isinstance(change, WriteFile)
    assert change.text == f"{TEXT}vm.swappiness = 5\n"


@pytest.mark.parametrize("text", ["vm.swappiness = 5", f"{MARK}# why\nvm.swappiness = 5"])
def test_a_file_that_somebody_else_has_written_to_is_left_alone(text: str) -> None:
    assert [change.path for change in proposed({FIRST: text}).changes] == [SECOND]


STAYS = f": it stays as it is, and {SECOND} overrules it"


@pytest.mark.parametrize(
    ("looks", "why"),
    [
        ({FIRST: "vm.swappiness = 5"}, "is somebody else's"),
        ({FIRST: f"{TEXT}# mine\n"}, "has been edited"),
        ({FIRST: TEXT, "link " + FIRST: "/etc/other"}, "is a link"),
        (
            {FIRST: TEXT, "/etc/sysctl.d/99-zzz.conf": "net.ipv4.neigh.default.gc_thresh3=1024"},
            "does not decide, where others are read later",
        ),
    ],
)
def test_why_a_second_file_is_written_is_said(looks: dict[str, str], why: str) -> None:
    found = proposed(looks, {key: 2 * value for key, value in KEYS.items()})
    assert [change.path for change in found.changes] == [SECOND]
    assert found.notes == (f"{FIRST} {why}{STAYS}",)


def test_of_one_file_nothing_more_is_said() -> None:
    assert proposed({}).notes == proposed({FIRST: TEXT}).notes == ()


def test_a_list_and_a_module_that_has_to_come_early() -> None:
    key = "net.bridge.bridge-nf-call-iptables"
    looks = {"/proc/modules": "br_netfilter 1 0 - Live 0x0"}
    wanted: dict[str, int | str] = {key: 0, "net.ipv4.tcp_rmem": "4096 131072 6291456"}
    found = proposed({**looks, "/proc/sys/net/ipv4/tcp_rmem": "1\t2\t3"}, wanted)
    assert found.changes == (
        WriteFile(LOAD, f"{MARK}br_netfilter\n", None),
        WriteFile(FIRST, f"{MARK}{key} = 0\nnet.ipv4.tcp_rmem = 4096 131072 6291456\n", None),
    )
    assert found.lasting
    unsure = proposed(looks, wanted)
    assert unsure.not_persistent == ()
    assert unsure.maybe_persistent == (
        "net.ipv4.tcp_rmem: what it will be cannot be told: there is no such key now: the files "
        "set it only if what makes it is there before they are read",
    )


A = "/etc/modprobe.d/a.conf"


@pytest.mark.parametrize(
    ("path", "looks", "why"),
    [
        (A, {A: "x"}, ""),
        (A, {}, "there is no such file"),
        ("/usr/lib/sysctl.d/a.conf", {"/usr/lib/sysctl.d/a.conf": "x"}, ""),
        (
            "/usr/lib/sysctl.d/a.conf",
            {"/usr/lib/sysctl.d/a.conf": "x", "/run/sysctl.d/a.conf": "y"},
            "/run/sysctl.d/a.conf replaces it",
        ),
        (
            "/lib/udev/rules.d/9.rules",
            {"/lib/udev/rules.d/9.rules": "x", "link /etc/udev/rules.d/9.rules": "/dev/null"},
            "/etc/udev/rules.d/9.rules is a link to /dev/null: it masks the name",
        ),
        (
            "/lib/udev/rules.d/9.rules",
            {f"{at}/udev/rules.d/9.rules": "x" for at in ("/lib", "/usr/lib")},
            "/usr/lib/udev/rules.d/9.rules replaces it",
        ),
        (
            "/lib/udev/rules.d/9.rules",
            {f"{at}/udev/rules.d/9.rules": "x" for at in ("/lib", "/usr/lib")}
            | {"link /lib": "usr/lib"},
            "",
        ),
        (
            "/etc/modules-load.d/a.txt",
            {"/etc/modules-load.d/a.txt": "x"},
            "only names that end with .conf and begin with no dot count",
        ),
    ],
)
def test_whether_a_drop_in_file_counts(path: str, looks: dict[str, str], why: str) -> None:
    assert does_not_count(RecordedHost(looks), path) == why


def test_a_folder_that_cannot_be_read_may_replace_it() -> None:
    looks = {A: "x", "ls /etc/modprobe.d": "!denied"}
    assert does_not_count(RecordedHost(looks), A) == Unreadable("/etc/modprobe.d", Why.DENIED)
