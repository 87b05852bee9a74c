"""A volume is judged by the last boot that its journal has: it is named, and none later passes."""

from __future__ import annotations

import json

import pytest

from ec2rl.catalogue import load
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host import BOOT_ID
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Finding, Verdict, Why
from ec2rl.module import Options
from ec2rl.report.wording import details, summary

BOOT, BEGAN = "1" * 32, 1790000000
HUNG = "INFO: task dd:77 blocked for more than 120 seconds."
JUDGED = (
    "Judged: the last boot that the journal has, 2026-09-21 14:13:20 +0000 to 2026-09-21 15:13:20"
)


def journal(*messages: tuple[str, int]) -> str:
    return "\n".join(
        json.dumps(
            {
                "MESSAGE": message,
                "_TRANSPORT": "kernel",
                "SYSLOG_FACILITY": "0",
                "_BOOT_ID": BOOT,
                "_SOURCE_MONOTONIC_TIMESTAMP": str(up * 10**6),
                "__REALTIME_TIMESTAMP": str((BEGAN + up) * 10**6),
            }
        )
        for message, up in messages
    )


def judged(name: str, messages: tuple[tuple[str, int], ...], **written: str) -> Finding:
    newest = f"newest={(BEGAN + 3600) * 10**6}"
    looks = {
        "clock": "now=2026-09-23T00:00:00Z",
        BOOT_ID: BOOT,
        f"journal; {newest}": journal(("Linux version 6.1.0 (gcc)", 0), *messages),
        "ls /proc": "!not-collected",
    }
    looks |= {f"search {path}; modified={when}": "" for path, when in written.items()}
    module = load(name)
    host = RecordedHost(looks, missing=Why.NOT_COLLECTED)
    log = read_kernel_log(host, module.phrases)
    finding: Finding = module.judge(module.read(host, log, Options(sample=0)))
    return finding


WTMP, SEED = "/var/log/wtmp", "/var/lib/systemd/random-seed"


@pytest.mark.parametrize("name", ["hungtasks", "conntrackfull", "oomkiller"])
def test_the_boot_that_was_judged_is_named(name: str) -> None:
    found = judged(name, (), **{WTMP: "2026-09-21T15:13:25Z"})
    assert found.verdict is Verdict.OK
    (line,) = [line for line in details(found) if line.startswith("Judged: ")]
    assert line.startswith(JUDGED)
    assert line.endswith("; of a later one that left no journal nothing is known")


@pytest.mark.parametrize("path", [WTMP, SEED])
@pytest.mark.parametrize("name", ["hungtasks", "conntrackfull", "oomkiller"])
def test_no_success_is_claimed_of_a_later_boot_without_a_journal(name: str, path: str) -> None:
    found = judged(name, (), **{path: "2026-09-22T08:00:00Z"})
    assert found.verdict is Verdict.UNKNOWN
    words = "the boot in which the machine ran on 2026-09-22 08:00:00 +0000 left no journal"
    assert words in summary(found)
    assert any(
        line.startswith(JUDGED) and "and left no journal of that" in line for line in details(found)
    )


def test_what_the_boot_that_was_judged_had_is_told_with_it() -> None:
    found = judged("hungtasks", ((HUNG, 100),), **{WTMP: "2026-09-22T08:00:00Z"})
    assert found.verdict is Verdict.PROBLEM
    assert any(line.startswith(JUDGED) for line in details(found))
