"""A host that has lost packets, with its evidence taken away in every way: never SUCCESS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.fill import BOTH_WAYS, Row, fill, flush, inside, namespace, room_for, sources
from support.packets import send, tracking

pytestmark = [pytest.mark.kernel, pytest.mark.root, pytest.mark.slow]

PROGRAM = str(Path(__file__).resolve().parents[1] / "ec2rl")
NAME = "hadv-matrix"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

PREPARE = """
W=$1; shift
over() { mount --bind "$1" "$2"; }
empty() { mount -t tmpfs -o size=1m t "$1"; }
denied() { mount -t tmpfs -o size=1m,mode=000 t "$1"; }
mkdir -p $W/x; mount -t tmpfs t $W/x
: > $W/x/empty; printf 'garbage\\377\\n' > $W/x/garbage; mkfifo $W/x/fifo; mkdir $W/x/folder
truncate -s 40M $W/x/huge; printf '6,0,0,-;boot\\n' > $W/x/forged; : > $W/x/closed
chmod 0 $W/x/closed
printf '\\037\\213\\010\\000cut' > $W/x/cut.gz
log() { mkdir -p /var/log; empty /var/log; }
noproc() { mount -t proc -o "$1" p /proc; }
dev() { empty /dev; mknod -m 666 /dev/null c 1 3; }
"""
KMSG = {
    f"kmsg is {kind}": f"over {source} /dev/kmsg"
    for kind, source in {
        "/dev/null": "/dev/null",
        "/dev/zero": "/dev/zero",
        "/dev/full": "/dev/full",
        "/dev/random": "/dev/random",
        "an empty file": "$W/x/empty",
        "garbage": "$W/x/garbage",
        "a FIFO": "$W/x/fifo",
        "a huge file": "$W/x/huge",
        "a forged file": "$W/x/forged",
        "a closed file": "$W/x/closed",
    }.items()
}
KMSG |= {
    "kmsg is absent": "dev",
    "kmsg is a folder": "dev; mkdir /dev/kmsg",
    "kmsg is a dangling link": "dev; ln -s /nonexistent /dev/kmsg",
    "kmsg is a link to itself": "dev; ln -s kmsg /dev/kmsg",
    "kmsg is a link to /dev/null": "dev; ln -s null /dev/kmsg",
    "kmsg is a link to a terminal": "dev; mknod /dev/console c 5 1; ln -s console /dev/kmsg",
    "kmsg is a device of nobody": "dev; mknod /dev/kmsg c 60 7",
    "kmsg is a disk": "dev; mknod /dev/kmsg b 60 7",
    "kmsg is a socket": "dev; python3 -c 'import socket;socket.socket(1).bind(\"/dev/kmsg\")' || :",
    "kmsg is on nodev": "mount -t tmpfs -o nodev t /dev; mknod /dev/kmsg c 1 11",
    "no CAP_SYSLOG": "DROP=-syslog",
    "/dev is empty": "empty /dev",
    "/dev is closed": "denied /dev",
}
NAMESPACES = {
    "/run/netns is empty": "empty /run/netns",
    "/run/netns is closed": "denied /run/netns",
    "/run is empty": "empty /run",
    "proc hides pids": "noproc hidepid=2",
    "proc shows nothing but pids": "noproc subset=pid",
    "proc is another": "noproc rw",
    "/proc is empty": "empty /proc",
    "/proc is closed": "denied /proc",
    "/proc/sys/net is empty": "empty /proc/sys/net",
    "/proc/sys/net is closed": "denied /proc/sys/net",
    "netfilter's keys are absent": "empty /proc/sys/net/netfilter",
    "netfilter's keys are closed": "denied /proc/sys/net/netfilter",
    "the limit is garbage": "over $W/x/garbage /proc/sys/net/netfilter/nf_conntrack_max",
    "the limit is empty": "over $W/x/empty /proc/sys/net/netfilter/nf_conntrack_max",
    "the limit is a FIFO": "over $W/x/fifo /proc/sys/net/netfilter/nf_conntrack_max",
    "the limit is huge": "over $W/x/huge /proc/sys/net/netfilter/nf_conntrack_max",
    "the limit is closed": "over $W/x/closed /proc/sys/net/netfilter/nf_conntrack_max",
    "/proc/sys and /sys are empty": "empty /proc/sys; empty /sys",
    "/proc/sys/net and /sys/module are empty": "empty /proc/sys/net; empty /sys/module",
    "/proc/1 is empty": "empty /proc/1",
    "/proc/2 is empty": "empty /proc/2",
    "meminfo is garbage": "over $W/x/garbage /proc/meminfo",
    "/sys is empty": "empty /sys",
    "/sys/class/net is empty": "empty /sys/class/net",
    "no CAP_SYS_ADMIN": "DROP=-sys_admin",
    "no CAP_SYS_PTRACE": "DROP=-sys_ptrace",
    "no CAP_NET_ADMIN": "DROP=-net_admin",
    "no rights at all": "DROP=-all",
}
LOGS = {
    "/var/log is empty": "log",
    "/var/log is closed": "denied /var/log",
    "messages is empty": "log; : > /var/log/messages",
    "messages is closed": "log; : > /var/log/messages; chmod 0 /var/log/messages",
    "messages is a FIFO": "log; mkfifo /var/log/messages",
    "messages is a folder": "log; mkdir /var/log/messages",
    "messages is a device": "log; mknod /var/log/messages c 1 5",
    "messages is a link to itself": "log; ln -s messages /var/log/messages",
    "messages is garbage": "log; cp $W/x/garbage /var/log/messages",
    "messages is huge": "mount -t tmpfs t /var/log; truncate -s 40M /var/log/messages",
    "a rotation is cut": "log; cp $W/x/cut.gz /var/log/messages.1.gz",
    "a rotation is a lie": "log; cp $W/x/garbage /var/log/messages.2.xz",
    "the journal is empty": "log; mkdir /var/log/journal",
    "the journal is closed": "log; mkdir -m 0 /var/log/journal",
    "the journal is a file": "log; : > /var/log/journal",
    "the journal is garbage": "log; mkdir -p /var/log/journal/a; "
    "cp $W/x/garbage /var/log/journal/a/system.journal",
}
ALONE = {**KMSG, **NAMESPACES, **LOGS}
TOGETHER = {
    f"kmsg is /dev/null, and {name}": f"over /dev/null /dev/kmsg; {script}"
    for name, script in {**NAMESPACES, **LOGS}.items()
}


@contextmanager
def losing(name: str) -> Iterator[str]:
    """A namespace that has lost 23 packets; its table is emptied again, its counters stay."""
    if os.geteuid():
        pytest.skip("needs root for namespaces")
    limit = int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text())
    rows = (Row(s, "192.0.2.1", 40000, 443, 6, 3, BOTH_WAYS, 86400) for s in sources(limit))
    with namespace(name) as path, tracking(name):
        with room_for(limit + 10):
            fill(name, rows)
        with inside(name):
            assert send(23) == 23
        flush(name)
        yield path


@pytest.fixture(scope="module")
def lossy() -> Iterator[int]:
    with losing(NAME) as path:
        with inside(NAME):
            stat = Path("/proc/thread-self/net/stat/nf_conntrack").read_text().split("\n")
        column = stat[0].split().index("drop")
        assert sum(int(line.split()[column], 16) for line in stat[1:] if line) >= 23
        yield os.stat(path).st_ino


def verdict(script: str, user: tuple[str, ...], folder: Path) -> tuple[str, str]:
    folder.chmod(0o755)
    drop = "setpriv --bounding-set=$DROP --inh-caps=$DROP"
    run = f'DROP=; {script}\nif [ -n "$DROP" ]; then set -- {drop} "$@"; fi\nexec "$@"\n'
    done = subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", f"set -e\n{PREPARE}\n{run}", "sh",
         str(folder), *user, PROGRAM, "run", "--only-modules=conntrackfull", "--json",
         "--interval=0"],
        capture_output=True, text=True, errors="replace", timeout=120, check=False,
    )  # fmt: skip
    if not done.stdout:
        return "NOTHING", done.stderr
    (result,) = json.loads(done.stdout)["results"]
    return result["verdict"], result["summary"]


def test_with_everything_readable_it_is_a_failure(lossy: int, tmp_path: Path) -> None:
    found, summary = verdict(":", (), tmp_path)
    assert found == "PROBLEM", summary


@pytest.mark.parametrize("user", [(), NOBODY], ids=["root", "nobody"])
def test_without_the_evidence_it_is_never_success(
    lossy: int, user: tuple[str, ...], tmp_path: Path
) -> None:
    matrix = {**ALONE, **TOGETHER}
    assert len(matrix) >= 60
    found = {name: verdict(script, user, tmp_path) for name, script in matrix.items()}
    assert {name: told for name, told in found.items() if told[0] in ("OK", "NOT_APPLICABLE")} == {}
    faults = {name: told for name, told in found.items() if told[0] in ("CRASHED", "NOTHING")}
    # Where /dev is gone, a shell may not get as far as Python; nor has nobody rights to give up.
    stopped = ("/dev is empty", "/dev is closed", "no rights at all")
    assert {name for name in faults if not name.endswith(stopped)} == (set()), faults


@pytest.mark.parametrize("user", [(), NOBODY], ids=["root", "nobody"])
def test_what_is_gone_took_its_counters_along_and_a_blocked_log_is_never_success(
    user: tuple[str, ...], tmp_path: Path
) -> None:
    with losing("hadv-gone"):
        pass
    assert verdict(":", (), tmp_path)[0] == "PROBLEM"
    found = {name: verdict(script, user, tmp_path) for name, script in KMSG.items()}
    assert {name: told for name, told in found.items() if told[0] in ("OK", "NOT_APPLICABLE")} == {}
