"""A syslog that somebody hands over is looked through for every phrase, the costly ones too."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.saved_logs import open_logs
from ec2rl.model import Unreadable, Verdict
from ec2rl.module import Options

SAID = [
    ("softlockup", "NMI watchdog: Watchdog detected hard LOCKUP on cpu 5"),
    ("softlockup", "rcu: INFO: rcu_sched self-detected stall on CPU"),
    ("softlockup", "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... } 21002 "
     "jiffies s: 12 root: 0x2/."),
    ("hungtasks", "INFO: task dd:41 blocked in I/O wait for more than 122 seconds."),
    ("kerneldereference", "general protection fault: 0000 [#2] SMP PTI"),
    ("kerneloops", "divide error: 0000 [#3] SMP PTI"),
    ("kernelbug", "Kernel BUG at f+0x1/0x2 [ena] [verbose debug info unavailable]"),
    ("oomkiller", "Out of memory and no killable processes..."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "message"), SAID)
def test_every_phrase_is_looked_for(name: str, message: str, tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_text(f"Nov 20 10:00:00 h kernel: [ 12.000000] {message}\nNov 20 10:00:01 h app: x\n")
    module = load(name)
    host = open_logs([str(log)], module.phrases)
    assert not isinstance(host, Unreadable)
    seen = module.read(host, read_kernel_log(host, module.phrases), Options())
    assert module.judge(seen).verdict is Verdict.WARNING
