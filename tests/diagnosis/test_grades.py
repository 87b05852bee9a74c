"""One rule of trust: the same text by each door, and the same advice whatever its grade."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host import Host, Phrase
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved_logs import open_logs
from ec2rl.host.sos import open_sos
from ec2rl.model import Finding, Unreadable, Verdict
from ec2rl.module import Options
from ec2rl.report.wording import details

WORDS = {
    "conntrackfull": ["nf_conntrack: nf_conntrack: table full, dropping packet"],
    "hungtasks": [
        "INFO: task cp:7 blocked in I/O wait for more than 122 seconds.",
        "      Not tainted 6.1.0 #1",
    ],
    "kernelbug": ["kernel BUG at mm/slub.c:1!"],
    "kerneldereference": ["general protection fault: 0000 [#1] SMP PTI"],
    "kernelpanic": ["Kernel panic - not syncing: Fatal exception"],
    "oomkiller": [
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=c,mems_allowed=0,"
        "oom_memcg=/kubepods/burstable/pod1,task_memcg=/kubepods/burstable/pod1/c,task=java,"
        "pid=7,uid=0",
        "Memory cgroup out of memory: Killed process 7 (java) total-vm:9kB, anon-rss:8kB, "
        "file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0",
    ],
    "softlockup": ["NMI watchdog: Watchdog detected hard LOCKUP on cpu 5"],
    "xennetrocket": ["xennet: skb->len = 70000, too big for wire format"],
}
HEAD = "Sep 21 14:15:00 me kernel: "
BOOT = ["[    0.000000] Linux version 6.1.0 (gcc)", "[    1.000000] x"]
HEADER = "-- Journal begins at Mon 2026-09-21 08:00:00 UTC, ends at Mon 2026-09-21 14:16:00 UTC. --"


def phrases(name: str) -> tuple[Phrase, ...]:
    found: tuple[Phrase, ...] = load(name).phrases
    return found


def judged(name: str, host: Host | Unreadable) -> Finding:
    assert not isinstance(host, Unreadable), host
    module = load(name)
    log = read_kernel_log(host, module.phrases)
    finding: Finding = module.judge(module.read(host, log, Options(sample=0)))
    return finding


def by_log(folder: Path, name: str, text: str, path: str) -> Finding:
    file = folder / Path(path).name
    file.write_text(text, encoding="utf-8")
    return judged(name, open_logs([str(file)], phrases(name)))


def by_sos(folder: Path, name: str, text: str, path: str) -> Finding:
    files = {
        path: text,
        "proc/meminfo": "MemTotal: 1000 kB\n",
        "proc/uptime": "1000.0 1.0\n",
        "etc/os-release": "ID=x\n",
    }
    for one, content in files.items():
        (folder / "sos" / one).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sos" / one).write_text(content, encoding="utf-8")
    return judged(name, open_sos(str(folder / "sos"), phrases(name)))


DOORS = {"log": by_log, "sos": by_sos}
PLACES = {
    "sos_commands/kernel/dmesg": (Verdict.PROBLEM, BOOT, "[   99.500000] "),
    "sos_commands/logs/journalctl_--no-pager": (Verdict.PROBLEM, [HEADER], HEAD),
    "sos_commands/logs/journalctl_--no-pager_--boot": (Verdict.PROBLEM, [], HEAD),
    "sos_strings/logs/journalctl_--no-pager_--boot.tailed": (Verdict.PROBLEM, [], HEAD),
    "var/log/messages": (Verdict.WARNING, [], HEAD),
    "var/log/syslog": (Verdict.WARNING, [], f"{HEAD}[   99.500000] "),
    "var/log/kern.log": (Verdict.WARNING, [], f"{HEAD}[   99.500000] "),
}


def text_of(name: str, place: str) -> str:
    _, first, head = PLACES[place]
    return "".join(f"{line}\n" for line in (*first, *(head + one for one in WORDS[name])))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", WORDS)
def test_the_same_text_has_one_verdict_by_each_door(tmp_path: Path, name: str, place: str) -> None:
    found = {door: by(tmp_path, name, text_of(name, place), place) for door, by in DOORS.items()}
    verdict = PLACES[place][0]
    assert {door: one.verdict for door, one in found.items()} == dict.fromkeys(DOORS, verdict)


def advice(finding: Finding) -> list[str]:
    told = details(finding)
    words = ("What helps", "Look at", "A cgroup", "Its limit", "A disk", "Next", "To mend")
    return [line for line in told if line.startswith(words)]


@pytest.mark.parametrize("name", [name for name in WORDS if name != "conntrackfull"])
def test_what_is_not_verified_has_the_same_advice(tmp_path: Path, name: str) -> None:
    proven, doubted = (
        by_log(tmp_path, name, text_of(name, place), place)
        for place in ("sos_commands/logs/journalctl_--no-pager", "var/log/messages")
    )
    assert (proven.verdict, doubted.verdict) == (Verdict.PROBLEM, Verdict.WARNING)
    assert advice(proven) == advice(doubted)
    assert len(advice(doubted)) > 1


def live(name: str, text: str) -> Host:
    ring = "6,0,0,-;Linux version 6\n6,1,90000000,-;x\n"
    looks = {"clock": "now=2026-09-21T14:18:20Z uptime=500", "/dev/kmsg": ring}
    return RecordedHost({**looks, "/var/log/messages": text})


@pytest.mark.parametrize("name", [name for name in WORDS if name != "conntrackfull"])
def test_live_no_text_makes_a_failure(name: str) -> None:
    found = judged(name, live(name, text_of(name, "var/log/messages")))
    assert found.verdict not in (Verdict.PROBLEM, Verdict.CRASHED)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("[   12.345678] kernel BUG at mm/slub.c:1!\n", "12.3 s after boot: "),
        (
            "[   12.345678] kernel BUG at mm/slub.c:1!\n"
            "[   62.300000] kernel BUG at mm/slub.c:1!\n",
            "62.3 s after boot: ",
        ),
        ("[Mon Sep 21 14:15:00 2026] kernel BUG at mm/slub.c:1!\n", "2026-09-21 14:15:00 "),
    ],
)
def test_without_a_clock_times_are_since_the_boot(tmp_path: Path, text: str, when: str) -> None:
    found = by_log(tmp_path, "kernelbug", text, "dmesg.txt")
    assert [line for line in details(found) if when in line] != []
    assert not any("a time unknown" in line for line in details(found))
