"""What a panic is said to be of, what helps then, and whether the machine restarts behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.diagnosis.panic_advice import panic_advice
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.panic import kind_of
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved_logs import open_logs
from ec2rl.model import Finding
from ec2rl.module import Options
from ec2rl.report.wording import details, summary

BEGINS = (
    "[    0.000000] Linux version 6.12.48 (a@b) #1 SMP\n"
    "[    0.000000] Command line: root=/dev/vda ro "
)
PANIC = "Kernel panic - not syncing: "


def judged(name: str, folder: Path, text: str) -> Finding:
    path = folder / "text"
    path.write_text(text, encoding="utf-8")
    module = load(name)
    host = open_logs([str(path)], module.phrases)
    assert isinstance(host, RecordedHost)
    finding: Finding = module.judge(
        module.read(host, read_kernel_log(host, module.phrases), Options())
    )
    return finding


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        ("hung_task: blocked tasks", "hung task"),
        ("softlockup: hung tasks", "lockup"),
        ("Hard LOCKUP", "lockup"),
        ("Watchdog detected hard LOCKUP on cpu 8", "lockup"),
        ("RCU Stall", "lockup"),
        ("System is deadlocked on memory", "no memory"),
        ("Out of memory and no killable processes...", "no memory"),
        ("Out of memory: compulsory panic_on_oom is enabled", "panic_on_oom"),
        ("VFS: Unable to mount root fs on unknown-block(0,0)", "root"),
        ("No working init found.  Try passing init= option to kernel.", "root"),
        ("Attempted to kill init! exitcode=0x00000009", "init"),
        ("Fatal exception in interrupt", "oops"),
        ("Fatal local machine check", "hardware"),
        ("NMI: Not continuing", "NMI"),
        ("sysrq triggered crash", "sysrq"),
        ("kernel: panic_on_warn set ...", "warning"),
        ("EXT4-fs (device nvme1n1p1): panic forced after error", "file system"),
        ("a message of tomorrow", ""),
    ],
)
def test_a_panic_is_of_a_kind_and_each_kind_has_its_advice(why: str, kind: str) -> None:
    assert kind_of(why) == kind
    assert (panic_advice(kind) is None) == (kind == "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BEGINS + f"panic=30\n[90000.000000] {PANIC}Out of memory: system-wide panic_on_oom is "
         "enabled\n", ("panic=30 on its command line", "with vm.panic_on_oom=0")),
        (BEGINS + f"quiet\n[90000.000000] {PANIC}hung_task: blocked tasks\n"
         "[90000.100000] Rebooting in 5 seconds..\n",
         ('restarts ("Rebooting in 5 seconds..")', "hungtasks names the task")),
        (BEGINS + f"panic=0\n[90000.000000] {PANIC}Fatal machine check\n",
         ("stops, and does not restart (panic=0", "moves to another host")),
        (BEGINS + f"quiet\n[90000.000000] {PANIC}Fatal exception\n",
         ("is not known (kernel.panic)", "kernelbug, kerneldereference and kerneloops")),
        (BEGINS + f"panic=5\n[90000.000000] {PANIC}Fatal exception\n" + BEGINS
         + "panic=0 elfcorehdr=0x2f000000\n", ("panic=5 on its command line",)),
    ],
)  # fmt: skip
def test_a_panic_in_a_text_says_what_helps_and_whether_it_restarts(
    tmp_path: Path, text: str, said: tuple[str, ...]
) -> None:
    told = " ".join(details(judged("kernelpanic", tmp_path, text)))
    assert all(words in told for words in said), told


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        (f"[  700.000000] {PANIC}softlockup: hung tasks\n", "WARNING"),
        (f"[5184000.000000] {PANIC}Fatal exception in interrupt\n", "WARNING"),
        (f"[  700.000000] {PANIC}Attempted to kill init! exitcode=0x00000007\n", "WARNING"),
        (f"[    3.000000] {PANIC}Fatal exception in interrupt\n", "PROBLEM"),
        (f"[  700.000000] {PANIC}VFS: Unable to mount root fs on unknown-block(0,0)\n", "PROBLEM"),
    ],
)
def test_a_panic_long_after_its_boot_did_not_stop_that(
    tmp_path: Path, last: str, verdict: str
) -> None:
    found = judged("bootstopped", tmp_path, BEGINS + "quiet\n[    1.000000] x\n" + last)
    assert found.verdict.name == verdict, summary(found)
    assert ("ran for" in summary(found)) == (verdict == "WARNING")


@pytest.mark.parametrize(
    "text",
    [
        (BEGINS + f"panic=1\n[    2.000000] {PANIC}No working init found.\n") * 2 + BEGINS + "x\n",
        "i-0123456789abcdef0\t" + (BEGINS + f"x\n[    2.000000] {PANIC}Fatal exception\n") * 3
        + BEGINS + "x\t2026-03-01T10:00:00+00:00\n",
        (BEGINS + f"x\r\n[    2.000000] {PANIC}No working init found.\r\n") * 2 + BEGINS + "x\r\n",
    ],
)  # fmt: skip
def test_several_boots_in_one_text_are_a_console(tmp_path: Path, text: str) -> None:
    found = judged("bootstopped", tmp_path, text)
    assert "boots in a row stopped" in summary(found)
    assert "get-console-output" not in " ".join(details(found))
