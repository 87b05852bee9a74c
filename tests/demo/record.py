"""Record what `ec2rl demo` plays: `PYTHONPATH=src:tests python tests/demo/record.py NAME FILE`.

As root, a trouble is made for real, in namespaces of its own and within bounds, and looked at as
`run`, `explain`, `fix --dry-run` and `boot` look. What belongs to the machine that it is made on,
and not to the trouble, is left out of the recording: other lines of its log, its command line. To
be run in process and mount namespaces of its own, where the files of /etc may be another system's.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ec2rl.catalogue import load
from ec2rl.commands.boot import settings_told
from ec2rl.facts.sysctl_conf import normalize
from ec2rl.host import BOOT_ID, KMSG
from ec2rl.host.caching import CachingHost
from ec2rl.host.recording import case
from ec2rl.model import Evidence, FixRequest, Unreadable, Why
from ec2rl.module import Module, Options, diagnose
from ec2rl.subcommand import host_of
from support.fill import (
    BOTH_WAYS,
    ESTABLISHED,
    SEEN_REPLY,
    TIME_WAIT,
    Row,
    fill,
    flush,
    inside,
    namespace,
    room_for,
)
from support.packets import send, tracking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.caching import Observation

VOLUME = "/mnt/volume"
"""Where the recorder makes a volume: in a mount namespace of its own."""
BOOT = "8d6a1f0e-6c0d-4a7e-9b1e-0d5a4c1f2e33"


THEIRS = (
    r"(ls |link )?(/usr/lib/(udev|systemd/system|modprobe\.d|sysctl\.d)"
    r"|/etc/(cron|sysctl|mod|udev))"
)
"""What systemd and distributions wrote: it decides nothing here, and is not ours to ship."""
_SYSCTL = "/usr/lib/systemd/system/systemd-sysctl.service"
OURS: dict[str, Observation] = {
    "ls /usr/lib/systemd/system": ("sysinit.target.wants", "systemd-sysctl.service"),
    "ls /usr/lib/systemd/system/sysinit.target.wants": ("systemd-sysctl.service",),
    _SYSCTL: Evidence(
        _SYSCTL, "[Service]\nType=oneshot\nExecStart=/usr/lib/systemd/systemd-sysctl\n"
    ),
    **{
        f"ls {folder}": ()
        for folder in (
            *("/usr/lib/udev/rules.d", "/usr/lib/modprobe.d", "/usr/lib/sysctl.d"),
            *("/etc/sysctl.d", "/etc/cron.d", "/etc/cron.daily", "/etc/cron.weekly"),
        )
    },
}
"""What stands in the place of it: a machine whose settings systemd-sysctl applies, and no more."""


def shop(count: int) -> Iterator[Row]:
    """A shop's table: connections to its Redis that nobody closes, customers, and DNS."""
    seen = [0] * 4
    for i in range(count):
        k = i % 100
        kind = 0 if k < 61 else 1 if k < 88 else 2 if k < 96 else 3
        j = seen[kind]
        seen[kind] += 1
        port = 1024 + j // 254 if kind in (1, 2) else 1024 + j % 60000
        if kind == 0:
            yield Row(
                f"10.0.9.{31 + j // 60000}", "10.0.4.17", port, 6379, 6, ESTABLISHED, BOTH_WAYS,
                86400 * 5 - 43200 - (i % 86400),
            )  # fmt: skip
        elif kind == 1:
            client = f"198.51.100.{1 + j % 254}"
            left = 300 + 431000 * (j % 2)
            yield Row(client, "10.0.4.20", port, 443, 6, ESTABLISHED, BOTH_WAYS, left)
        elif kind == 2:
            client = f"203.0.113.{1 + j % 254}"
            yield Row(client, "10.0.4.20", port, 443, 6, TIME_WAIT, BOTH_WAYS, 100 + i % 20)
        else:
            source = f"10.0.4.{10 + j % 8}"
            yield Row(source, "10.0.0.2", 1024 + j // 8, 53, 17, 0, SEEN_REPLY, 20 + i % 10)


@contextmanager
def sending(netns: str, seconds: float) -> Iterator[None]:
    """Packets that the full table refuses, some hundreds each second."""
    pid = os.fork()
    if pid == 0:
        Path("/proc/self/comm").write_text("shop-api")
        end = time.monotonic() + seconds
        with inside(netns):
            while time.monotonic() < end:
                began = time.monotonic()
                send(56)
                time.sleep(max(0, 0.1 - (time.monotonic() - began)))
        os._exit(0)
    try:
        yield
    finally:
        os.waitpid(pid, 0)


@contextmanager
def full_table() -> Iterator[None]:
    limit = int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text())
    with namespace("shop"), tracking("shop"):
        with room_for(limit + 10):
            fill("shop", shop(limit))
        try:
            with sending("shop", 45):
                time.sleep(20)
                yield
        finally:
            flush("shop")


@contextmanager
def oom_kill() -> Iterator[None]:
    """A program that takes 1 MiB after the other, in a memory cgroup of 24 MiB."""
    first, second = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    old = (first / "memory.limit_in_bytes").exists()
    folder = (first if old else second) / "report-worker"
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(24 << 20))
        pid = os.fork()
        if pid == 0:
            (folder / "cgroup.procs").write_text("0")
            Path("/proc/self/comm").write_text("report-worker")
            held = []
            while True:
                held.append(bytearray(b"x") * (1 << 20))
        os.waitpid(pid, 0)
        yield
    finally:
        time.sleep(0.5)
        folder.rmdir()


@contextmanager
def neighbours() -> Iterator[None]:
    """UDP to thousands of addresses of a network that nobody answers on."""
    with namespace("fleet") as path:
        at = ["ip", "-n", "fleet"]
        for words in (
            "link add up0 type veth peer name up1",
            "link set up1 up",
            "link set up0 up",
            "addr add 10.99.0.1/16 dev up0",
        ):
            subprocess.run([*at, *words.split()], check=True)
        assert path
        pid = os.fork()
        if pid == 0:
            Path("/proc/self/comm").write_text("scanner")
            end, n = time.monotonic() + 30, 0
            with inside("fleet"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.setsockopt(socket.SOL_SOCKET, 32, 64 << 20)  # SO_SNDBUFFORCE: all that waits
                while time.monotonic() < end:
                    n = n % 60000 + 2
                    with suppress(OSError):
                        sender.sendto(b"x", (f"10.99.{n >> 8}.{n & 255}", 9))
                    time.sleep(0.001)
            os._exit(0)
        try:
            time.sleep(10)
            yield
        finally:
            os.waitpid(pid, 0)


@contextmanager
def volume() -> Iterator[None]:
    """What is left of a machine that logged, as rsyslog writes it, that its table was full."""
    etc = {
        "etc/hostname": "shop-3\n",
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
        "etc/sysctl.d/50-shop.conf": "net.netfilter.nf_conntrack_max = 65536\n",
        "etc/modules-load.d/shop.conf": "nf_conntrack\n",
        "etc/modprobe.d/shop.conf": "options nf_conntrack hashsize=16384\n",
    }
    lines = [
        f"2026-11-25T02:{at // 60:02}:{at % 60:02}.{at * 7919 % 10**6:06}+00:00 shop-3 kernel: "
        f"[{93600 + at}.{at * 7919 % 10**6:06}] nf_conntrack: nf_conntrack: table full, dropping "
        "packet"
        for at in (*range(60), *range(120, 150), *range(600, 630))
    ]
    etc["var/log/kern.log"] = "\n".join(lines) + "\n"
    for name, text in etc.items():
        path = Path(VOLUME, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield


def looked_at(module: Module, root: str) -> CachingHost:
    """Look as the commands do that the demonstration shows."""
    host = CachingHost(host_of(root), recording=True)
    found = diagnose(module, host, Options(by_hand=True))
    if module.propose is not None:
        module.propose(host, found.seen, FixRequest(now=not root))
        list(settings_told(host, [normalize(key) for key in module.keys]))
    print(found.finding.verdict, file=sys.stderr)
    return host


def alone(memory: Mapping[str, Observation], since: float, words: str) -> dict[str, Observation]:
    """What a recording holds of the trouble, and nothing of the machine beside it.

    Of the kernel's log the lines of this time with these words.
    """
    kept: dict[str, Observation] = {}
    for key, look in memory.items():
        if isinstance(look, Unreadable) and look.why is Why.ABSENT:
            continue  # a recorded host says so by itself
        place = re.sub("^(ls |link )?/lib/", r"\1/usr/lib/", key)
        if place in OURS:
            kept[key] = OURS[place]
            continue
        if re.match(THEIRS, place):
            continue
        if isinstance(look, Evidence):
            look = Evidence(look.source, _cleaned(key, look.text, since, words))
        elif key == "link /proc/self/ns/pid":
            look = "pid:[4026531836]"  # the first one: the recorder's own hides other processes
        kept[key] = look
    return kept


def _cleaned(key: str, text: str, since: float, words: str) -> str:
    lines = text.split("\n")
    if key.endswith(KMSG):
        return _log(lines, since, words)
    if key == "/proc/self/mountinfo":
        return (
            "\n".join(f for f in lines if re.search(r" (/|/proc|/run/netns\S*) [a-z,]+ ", f)) + "\n"
        )
    if key == "/proc/vmstat":
        return re.sub(r"(?m)^oom_kill \d+$", "oom_kill 1", text)
    own = {"/proc/cmdline": "BOOT_IMAGE=/boot/vmlinuz root=UUID=1 ro quiet\n", BOOT_ID: BOOT}
    return own.get(key, text)


def _log(lines: list[str], since: float, words: str) -> str:
    """Records of /dev/kmsg from a time on, in microseconds since boot, numbered as from a start."""
    kept: list[str] = []
    taken = False
    for line in lines:
        head = re.match(r"(\d+),\d+,(\d+),(.*)", line)
        if head:
            taken = int(head[2]) >= since and re.search(words, line) is not None
        if taken and head:
            kept.append(f"{head[1]},{len(kept) + 1},{head[2]},{head[3]}")
        elif taken:
            kept.append(line)  # a field of the record above it
    return "\n".join(["6,0,0,-;Linux version 6.18.44", *kept]) + "\n"


def written(memory: Mapping[str, Observation], title: str, options: str) -> str:
    """The text of the recording."""
    head, _, body = case(memory, (), options).partition("\n")
    assert head.startswith("A recording")
    body = body.replace(os.uname().release, "6.18.44")
    rows = iter(range(1 << 30))
    lines = [
        line
        for line in body.split("\n")
        if not re.match("[0-9a-f]{100}", line) or next(rows) % 5 == 0
    ]  # a fifth of the sampled entries
    body = "\n".join(lines).replace("-- expect --\n\n", "").rstrip("\n")
    return f"{title}\n{body}\n"


def main(name: str, path: str) -> None:
    title, module, trouble, words = TROUBLES[name]
    since = time.monotonic() * 1e6
    with trouble():
        root = VOLUME if name == "volume" else ""
        host = looked_at(load(module), root)
    text = written(
        alone(host.memory, since, words),
        title,
        f"module={module}" + f" root={root} set=max=524288" * bool(root),
    )
    Path(path).write_text(text, encoding="utf-8", errors="backslashreplace")


TROUBLES = {
    "neighbours": (
        "A machine has more neighbours than its table holds, and packets to new ones are lost.",
        "neighbourfull",
        neighbours,
        "neighbo",
    ),
    "volume": (
        "A volume of a machine that is gone: its log tells that the table was full.",
        "conntrackfull",
        volume,
        "",
    ),
    "full-table": (
        "A shop's table is full of connections to its Redis, and new ones are dropped.",
        "conntrackfull",
        full_table,
        "nf_conntrack",
    ),
    "oom-kill": (
        "A worker outgrew the memory of its cgroup, and the kernel killed it.",
        "oomkiller",
        oom_kill,
        "",
    ),
}

if __name__ == "__main__":
    main(*sys.argv[1:])
