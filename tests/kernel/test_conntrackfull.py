"""The diagnosis against the running kernel: real tables, real packets, real drops."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from support.fill import BOTH_WAYS, Row, fill, flush, inside, message, namespace, room_for, sources
from support.packets import let_the_kernel_log, send, tracking

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-I", "-S", str(ROOT / "src/ec2rl/__main__.py"))
LOST = 23
CT_DELETE = 0x102


@pytest.fixture(autouse=True)
def kernel() -> None:
    if os.geteuid():
        pytest.skip("needs root for network namespaces")
    for need in ("/proc/sys/net/netfilter/nf_conntrack_max", "/usr/sbin/nft", "/dev/kmsg"):
        if not os.path.exists(need):
            pytest.skip(f"needs {need}")


def maximum() -> int:
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text())


def run(
    *options: str, prefix: tuple[str, ...] = (), program: tuple[str, ...] = PROGRAM
) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [*prefix, *program, "run", "--only-modules=conntrackfull", "--json", *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    return done.returncode, result


def assured(count: int) -> Iterator[Row]:
    for source in sources(count):
        yield Row(source, "192.0.2.1", 40000, 443, 6, 3, BOTH_WAYS, 86400)


def snmp(netns: str) -> list[int]:
    """Packets that a namespace has sent and received, of every protocol, and by interface."""
    with inside(netns):
        text = Path("/proc/thread-self/net/snmp").read_text()
        text += Path("/proc/thread-self/net/dev").read_text()
    return [int(word) for line in text.splitlines() for word in line.split() if word.isdecimal()]


def now() -> str:
    """A moment ago: the kernel stamps its log with a clock that goes a little wrong."""
    return f"@{time.time() - 1:.6f}"


@contextmanager
def full_namespace(name: str) -> Iterator[int]:
    """A namespace whose table is full of entries that cannot be evicted; gives its inode."""
    limit = maximum()
    with namespace(name) as path, tracking(name):
        with room_for(limit + 10):
            fill(name, assured(limit))
        try:
            yield os.stat(path).st_ino
        finally:
            flush(name)


def one(result: dict[str, Any], inode: int) -> dict[str, Any]:
    (found,) = [n for n in result["namespaces"] if n["inode"] == inode]
    assert isinstance(found, dict)
    return found


def test_a_full_namespace_is_a_failure_and_23_lost_packets_are_told() -> None:
    since = now()
    with full_namespace("hadv-full") as inode:
        let_the_kernel_log()
        with inside("hadv-full"):
            assert send(LOST) == LOST
        quiet = snmp("hadv-full")
        status, result = run(f"--since={since}")
        assert snmp("hadv-full") == quiet, "the tool sent packets"
        found = one(result, inode)
        assert (status, result["verdict"]) == (1, "PROBLEM")
        assert (found["refused"], found["drop"], found["count"]) == (LOST, LOST, found["max"])
        assert found["names"] == ["/run/netns/hadv-full"]
        told = [line for line in result["details"] if f"hadv-full (netns {inode}): " in line]
        assert f"{LOST} packets lost since it was made" in told[0]
        lines = {n["inode"]: n["lines"] for n in result["log"]["this_boot"]["by_namespace"]}
        assert lines.get(inode, lines.get(None, 0)) >= 1


WATCH = (
    "table inet watch { counter sent { }; "
    "chain c { type filter hook output priority -400; counter name sent; }; }"
)
ASKED = (
    ("run", "--exit-zero", "--not-an-instance"),
    ("run", "--exit-zero", "--json"),
    ("explain", "conntrackfull"),
    ("fix", "conntrackfull", "--dry-run"),
    ("conntrack", "top"),
    ("bug-report",),
)


def sent(netns: str) -> tuple[int, list[str]]:
    """Packets that left a namespace's sockets, whatever became of them, and those on its wire."""
    listed = ["ip", "netns", "exec", netns, "nft", "-j", "list", "counter", "inet", "watch", "sent"]
    (counter,) = [o["counter"] for o in json.loads(subprocess.check_output(listed))["nftables"]
                  if "counter" in o]  # fmt: skip
    wire = subprocess.check_output(["ip", "netns", "exec", netns, "cat", "/proc/net/dev"])
    return counter["packets"], [line.split()[10] for line in wire.decode().splitlines()[2:]]


def test_where_the_table_is_full_the_tool_sends_nothing() -> None:
    """It runs in that very namespace, which has a way out: name servers, metadata, all the rest."""
    netns = "hadv-mute"
    with full_namespace(netns):
        at = ("ip", "netns", "exec", netns)
        subprocess.run([*at, "ip", "route", "add", "default", "dev", "lo"], check=True)
        subprocess.run([*at, "nft", WATCH], check=True)
        with inside(netns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            assert sender.connect_ex(("169.254.169.254", 80)) == 0, "there is no way out"
            with suppress(PermissionError):
                sender.send(b"x")
        before, wire = sent(netns)
        assert before >= 1, "a packet to the metadata service would not be noticed"
        for words in ASKED:
            done = subprocess.run([*at, *PROGRAM, *words], capture_output=True, check=False,
                                  timeout=120, stdin=subprocess.DEVNULL)  # fmt: skip
            assert done.returncode in (0, 1), (words, done.stderr)
        assert sent(netns) == (before, wire)


def test_losing_now_is_a_failure_whatever_the_log_says() -> None:
    """The log was cut short before the loss: the counters tell, at the second look."""
    with full_namespace("hadv-now") as inode:
        code = (
            "import socket,time\n"
            "end=time.time()+30\n"
            "while time.time()<end:\n"
            " s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
            " try: s.sendto(b'x',('127.0.0.1',9))\n"
            " except OSError: pass\n"
            " s.close(); time.sleep(0.01)\n"
        )
        sender = subprocess.Popen(["ip", "netns", "exec", "hadv-now", sys.executable, "-c", code])
        try:
            without_log = 'mount --bind /dev/null /dev/kmsg; exec "$@"'
            status, result = run(prefix=("unshare", "-m", "sh", "-c", without_log, "x"))
        finally:
            sender.kill()
            sender.wait()
        assert (status, result["verdict"]) == (1, "PROBLEM")
        assert "packets are being dropped" in result["summary"]
        assert f"hadv-now (netns {inode}" in result["summary"]
        first = rf"hadv-now \(netns {inode}\) is dropping \d+ connections/s: its table is full"
        assert re.match(first, result["details"][0])
        assert one(result, inode)["drop_per_second"] > 0


def test_after_the_table_is_emptied_nothing_is_full() -> None:
    with namespace("hadv-idle") as path, tracking("hadv-idle"):
        fill("hadv-idle", assured(500))
        flush("hadv-idle")
        time.sleep(1.1)  # a namespace that had this inode before has its lines before `now`
        since = now()
        _, result = run(f"--since={since}")
        found = one(result, os.stat(path).st_ino)
        assert (found["count"], found["refused"]) == (0, 0)
        lines = {n["inode"] for n in result["log"]["this_boot"]["by_namespace"]}
        assert os.stat(path).st_ino not in lines


def test_the_initial_namespace_is_told_as_such() -> None:
    """Filled for a moment and emptied again: the entries are of a documentation network."""
    limit = maximum()
    count = int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text())
    if limit > 300_000 or count > 1000:
        pytest.skip("this machine's own table is large or in use: not to be filled for a test")
    if not os.path.exists("/proc/sys/net/nf_conntrack_max"):
        pytest.skip("not in the initial namespace")
    name = "hadv-initial"
    here = Path("/run/netns") / name
    here.parent.mkdir(exist_ok=True)
    here.touch()
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", str(here)], check=True)
    try:
        since = now()
        before = run()[1]["counters"]["refused"]
        with tracking(""):
            with room_for(limit + 100):
                fill(name, assured(limit))
            refused = send(LOST)
            status, result = run(f"--since={since}")
    finally:
        remove(limit)
        subprocess.run(["umount", str(here)], check=True)
        here.unlink()
    assert refused == LOST
    assert (status, result["verdict"]) == (1, "PROBLEM")
    assert result["counters"]["refused"] - before >= LOST
    (found,) = [n for n in result["namespaces"] if n["initial"]]
    assert found["count"] >= limit
    assert any(line.startswith("this host (initial network namespace): ") and "lost" in line
               for line in result["details"])  # fmt: skip


def remove(limit: int) -> None:
    """Take our entries out of the initial namespace one by one, by their addresses."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)
        batch = []
        for row in assured(limit):
            made = message(row)
            (size,) = struct.unpack_from("=H", made, 20)  # the first attribute: where it goes
            body = made[16 : 20 + size]
            batch.append(struct.pack("=IHHII", 16 + len(body), CT_DELETE, 0x1, 0, 0) + body)
            if len(batch) == 500:
                netlink.send(b"".join(batch))
                batch.clear()
        if batch:
            netlink.send(b"".join(batch))


@contextmanager
def restricted() -> Iterator[None]:
    path = Path("/proc/sys/kernel/dmesg_restrict")
    before = path.read_text()
    path.write_text("1")
    try:
        yield
    finally:
        path.write_text(before)


def test_a_user_who_may_not_read_the_log_is_told_so() -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    program = (str(ROOT / "ec2rl"),)
    tried = subprocess.run([*nobody, *program, "version"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"another user cannot start it from here: {tried.stderr.decode()}")
    with restricted(), namespace("hadv-user"), tracking("hadv-user"):
        status, result = run(prefix=nobody, program=program)
    if result["verdict"] == "PROBLEM":  # another namespace on this machine is losing right now
        pytest.skip(result["summary"])
    # What this machine has lost since it booted is told without its log.
    assert (status, result["verdict"]) in ((3, "UNKNOWN"), (4, "WARNING"))
    assert "CAP_SYSLOG" in json.dumps(result)


def test_nobody_can_forge_a_failure() -> None:
    """`logger -t kernel`, and root's own write to /dev/kmsg: neither is the kernel."""
    full = "nf_conntrack: nf_conntrack: table full in netns 4026599999, dropping packet"
    since = now()
    with open("/dev/kmsg", "w") as log:
        log.write(f"<4>{full}\n")
    subprocess.run(["logger", "-t", "kernel", "-p", "kern.warning", full], check=False)
    _, result = run(f"--since={since}", "--interval=0")
    log = result["log"]
    assert 4026599999 not in [n["inode"] for n in log["this_boot"]["by_namespace"]]
    assert log["forged_lines"] >= 1
    if log["this_boot"]["lines_at_least"] == 0:
        assert "Conntrack table full errors found" not in result["summary"]
