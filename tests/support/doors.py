"""One text through every door by which a log comes: a file, a sosreport, a replay."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ec2rl.catalogue import load
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import KernelLog
from ec2rl.facts.trust import Grade
from ec2rl.host import Host
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved_logs import open_logs
from ec2rl.host.sos import open_sos
from ec2rl.model import Finding, Unreadable, Why
from ec2rl.module import Options

FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"
PANIC = "Kernel panic - not syncing: Fatal exception"
BUG = "kernel BUG at mm/slub.c:1!"
HUNG = "INFO: task dd:77 blocked for more than 120 seconds."
WANTED = tuple(
    phrase
    for name in ("conntrackfull", "kernelpanic", "kernelbug", "hungtasks")
    for phrase in load(name).phrases
)
ABOUT = (FULL, PANIC, BUG, HUNG)
BOOT = ("[    0.000000] Linux version 6.1.0 (gcc)", "[    1.000000] x")
ID = "11111111111111111111111111111111"


def saved(folder: Path, text: str, name: str = "dmesg.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1790000300, 1790000300))
    return path


def by_log(folder: Path, text: str) -> Host | Unreadable:
    return open_logs([str(saved(folder, text))], WANTED)


def by_sos(folder: Path, text: str) -> Host | Unreadable:
    files = {
        "sos_commands/kernel/dmesg": text,
        "proc/meminfo": "MemTotal: 1000 kB\n",
        "proc/uptime": "1000.0 1.0\n",
        "etc/os-release": "ID=x\n",
    }
    for name, content in files.items():
        (folder / "sos" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sos" / name).write_text(content, encoding="utf-8")
    return open_sos(str(folder / "sos"), WANTED)


def by_replay(folder: Path, text: str) -> Host | Unreadable:
    looks = {"clock": "now=2026-09-21T14:18:20Z", "dmesg": text, "ls /proc": "!not-collected"}
    return RecordedHost(looks, missing=Why.NOT_COLLECTED)


DOORS = {"log": by_log, "sos": by_sos, "replay": by_replay}
Door = Callable[[Path, str], "Host | Unreadable"]


def read(host: Host | Unreadable, strict: bool = False) -> KernelLog:
    assert not isinstance(host, Unreadable), host
    return read_kernel_log(host, WANTED, strict=strict)


def judged(name: str, host: Host | Unreadable, strict: bool = False) -> Finding:
    assert not isinstance(host, Unreadable), host
    module = load(name)
    log = read_kernel_log(host, module.phrases, strict=strict)
    finding: Finding = module.judge(module.read(host, log, Options(strict=strict)))
    return finding


def graded(log: KernelLog) -> list[tuple[str, Grade]]:
    return [(line.message, line.grade) for line in log.lines if line.message in ABOUT]
