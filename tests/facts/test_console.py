"""What a console proves by its silence: what it must have shown, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host import CRIT, DEBUG, EMERG, ERR, INFO, NOTICE, WARNING, Host
from ec2rl.host.caching import CachingHost
from ec2rl.host.recording import RecordedHost, case, sections
from ec2rl.host.saved_logs import open_logs
from ec2rl.model import Finding, Verdict, Why
from ec2rl.module import Options
from ec2rl.report.wording import details, summary

NAMES = ("conntrackfull", "consoleoverload", "hungtasks", "kernelbug", "kerneldereference",
         "kernelpanic", "oomkiller", "softlockup")  # fmt: skip
PHRASES = tuple({phrase: None for name in NAMES for phrase in load(name).phrases})


def opened(folder: Path, text: str) -> Host:
    path = folder / "console.log"
    path.write_text(text, encoding="utf-8")
    host = open_logs([str(path)], PHRASES)
    assert isinstance(host, RecordedHost)
    seen = CachingHost(host)
    read_kernel_log(seen, PHRASES)
    again = sections(case(seen.memory, []))[1]
    return RecordedHost(again, missing=Why.NOT_COLLECTED)  # as a recording of it is judged


def judged(name: str, host: Host) -> Finding:
    module = load(name)
    log = read_kernel_log(host, module.phrases)
    finding: Finding = module.judge(module.read(host, log, Options()))
    return finding


def text_of(
    words: str = "", version: str = "6.1.0 (a@b) (gcc)", end: str = "\nhost login: "
) -> str:
    return (
        f"[    0.000000] Linux version {version} #1 SMP\n"
        f"[    0.000000] Command line: root=/dev/vda ro console=ttyS0 {words}\n"
        f"[    2.000000] Run /init as init process\n{end}"
    )


UBUNTU = "6.8.0-31-generic (buildd@x) (gcc) #31-Ubuntu"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (text_of(), EMERG),
        (text_of("quiet"), EMERG),
        (text_of("quiet loglevel=5"), WARNING),
        (text_of("loglevel=5 quiet"), EMERG),
        (text_of("loglevel=4"), ERR),
        (text_of("loglevel=7"), INFO),
        (text_of("debug"), DEBUG),
        (text_of("quiet ignore_loglevel"), DEBUG),
        (text_of("systemd.log_level=debug loglevel=x"), EMERG),
        (text_of("loglevel=7", UBUNTU), EMERG),
        (text_of("ignore_loglevel", UBUNTU), DEBUG),
        (text_of("loglevel=7", "6.6.49-0-virt (buildozer@b) (gcc (Alpine 13.2.1) 13.2.1)"), EMERG),
        (text_of("debug", "6.6.52-gentoo (root@b) (gcc (Gentoo 13.3.1) 13.3.1)"), EMERG),
        (text_of("loglevel=6", "6.10.2-artix1-1 (linux@artixlinux) (gcc 14.1.1)"), EMERG),
        (text_of("ignore_loglevel", "6.6.52-gentoo (root@b) (gcc)"), DEBUG),
        (text_of("loglevel=7", "2.6.32-754.el6.x86_64 (m@x) (gcc)"), EMERG),
        (text_of("", UBUNTU, "* Applying x ...\nkernel.printk = 4 4 1 7\nhost login: "), ERR),
        (text_of("loglevel=7", end="[    9.0] x\nkernel.printk = 3 4 1 3\nhost login: "), CRIT),
        (text_of(end="[    9.000000] sysrq: Loglevel set to 5\nhost login: "), WARNING),
        (text_of("quiet", end="kernel.printk = 7 4 1 7\nhost login: "), EMERG),
        (text_of("loglevel=5", end="kernel.printk = 7 4 1 7\nhost login: "), WARNING),
        (text_of(end="[    9.000000] input: Power Button as /devices/x/input0\n"), INFO),
        (text_of(end="[    9.000000] audit: type=1400 audit(1.1:1): x\n"), NOTICE),
        (text_of(end="host login: [    9.000000] usb 1-1: new high-speed USB device number 2\n"),
         INFO),
        (text_of("", UBUNTU, "[    9.000000] kvm_amd: Nested Paging enabled\n"), INFO),
        # Shown, but who knows what came later, or whether the level was as high before?
        (text_of(end="[    9.000000] Btrfs loaded, zoned=yes\nhost login: "), EMERG),
        (text_of(end="[    9.000000] Btrfs loaded, zoned=yes\n[   12.000000] x\n"), EMERG),
        (text_of("quiet", end="[    9.000000] Btrfs loaded, zoned=yes\n"), EMERG),
    ],
)  # fmt: skip
def test_the_level_is_what_the_text_itself_proves(tmp_path: Path, text: str, shown: int) -> None:
    log = read_kernel_log(opened(tmp_path, f"SeaBIOS (version 1)\n{text}"), PHRASES)
    assert log.console is not None
    assert [level for level in range(8) if log.console.shows(level)] == list(range(shown + 1))


@pytest.mark.parametrize(
    ("words", "proven"),
    [
        ("", {"kerneldereference"}),
        ("loglevel=4", {"kerneldereference", "kernelbug", "hungtasks"}),
        ("loglevel=5", set(NAMES) - {"kernelpanic"}),
    ],
)
def test_success_is_said_of_what_must_have_been_shown(
    tmp_path: Path, words: str, proven: set[str]
) -> None:
    host = opened(tmp_path, text_of(words))
    found = {name: judged(name, host) for name in NAMES}
    assert {name for name, one in found.items() if one.verdict is Verdict.OK} == proven
    assert {one.verdict for one in found.values()} == {Verdict.OK, Verdict.UNKNOWN}


def test_the_reason_and_the_end_are_named(tmp_path: Path) -> None:
    quiet = judged("hungtasks", opened(tmp_path, text_of("quiet")))
    assert (
        "a console need not show KERN_ERR: its level is low (quiet on the command line)"
        in summary(quiet)
    )
    known = judged("hungtasks", opened(tmp_path, text_of("loglevel=7")))
    assert [line for line in details(known) if line.startswith("Rests on")] == [
        f"Rests on: {tmp_path}/console.log, a console, whole since boot until 2.0 s after it "
        "(loglevel=7 on the command line)"
    ]


LOSSES = {
    "alone": "** 4312 printk messages dropped **\n",
    "before a line": "** 7 printk messages dropped ** [    9.000000] x\n",
    "returned": "** 1 printk messages dropped **\r\n",
}


@pytest.mark.parametrize("lost", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("words", ["", "loglevel=8"])
def test_messages_that_were_dropped_are_a_gap_for_all(
    tmp_path: Path, lost: str, words: str
) -> None:
    host = opened(tmp_path, text_of(words, end=f"{lost}[   10.000000] x\n"))
    found = {name: judged(name, host).verdict for name in NAMES}
    assert found.pop("consoleoverload") in (Verdict.PROBLEM, Verdict.WARNING)
    assert set(found.values()) == {Verdict.UNKNOWN}


def test_messages_dropped_in_an_earlier_boot_are_no_gap_of_the_last(tmp_path: Path) -> None:
    text = text_of("loglevel=8", end="** 3 printk messages dropped **\n") + text_of("loglevel=8")
    assert judged("hungtasks", opened(tmp_path, text)).verdict is Verdict.OK


@pytest.mark.parametrize(
    "end",
    [
        "[  900.000000] Out of memory: Killed process 4100 (java) total-vm:81234",
        "[  900.000000] Ou",
        "[  900.0",
        "host login: [  900.000000] INFO: task a:1 blo",
    ],
)
def test_a_cut_inside_a_message_is_a_gap_for_all(tmp_path: Path, end: str) -> None:
    host = opened(tmp_path, text_of("loglevel=8", end=end))
    assert {judged(name, host).verdict for name in NAMES} == {Verdict.UNKNOWN}


PANIC = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
DIES = text_of(end=f"[    3.000000] {PANIC}\n[    3.000001] ---[ end {PANIC} ]---\n")
CRASH = text_of("irqpoll nr_cpus=1 reset_devices elfcorehdr=0x2f000000")


@pytest.mark.parametrize(
    ("text", "verdict", "said"),
    [
        (DIES, Verdict.PROBLEM, "1 occurrence"),
        (DIES * 3 + text_of(), Verdict.PROBLEM, "3 boots in a row ended in a panic"),
        (DIES * 2, Verdict.PROBLEM, "1 occurrence"),
        (DIES + text_of(), Verdict.WARNING, "in 1 earlier boot: at least 1 occurrence"),
        (DIES * 2 + text_of() + text_of(), Verdict.WARNING, "in 2 earlier boots"),
        (DIES + CRASH, Verdict.PROBLEM, "1 occurrence"),
        (DIES + CRASH + text_of(), Verdict.WARNING, "in 1 earlier boot: at least 1 occurrence"),
    ],
)
def test_a_panic_that_comes_again_is_this_boots(
    tmp_path: Path, text: str, verdict: Verdict, said: str
) -> None:
    found = judged("kernelpanic", opened(tmp_path, text))
    assert found.verdict is verdict
    assert said in summary(found)


def test_a_panic_of_which_the_end_alone_is_left_is_one(tmp_path: Path) -> None:
    for end in (f"---[ end {PANIC} ]---", f"---[ end {PANIC}"):
        found = judged("kernelpanic", opened(tmp_path, f"[   70.000000] x\n[   71.000000] {end}\n"))
        assert found.verdict is Verdict.PROBLEM
        assert "VFS: Unable to mount root fs on unknown-block(0,0)" in " ".join(details(found))
