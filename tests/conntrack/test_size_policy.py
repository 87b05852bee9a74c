"""One policy of sizes: what `explain` says, `fix` plans and `conntrack size` recommends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.conntrack.counters import Counters
from ec2rl.conntrack.settings import FILES
from ec2rl.conntrack.size_policy import Because, TableSize, enlarged, passed, size_for
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import FixRequest
from ec2rl.module import diagnose
from ec2rl.record import replace
from ec2rl.remedies import SetSysctl
from ec2rl.report.wording import lines

CASES = sorted((Path(__file__).parent.parent / "modules/conntrackfull").glob("*.case"))
N = "net.netfilter.nf_conntrack_"


@dataclass
class Said:
    """What one machine is told."""

    by_hand: tuple[str, ...]
    refused: bool
    sizes: dict[str, str]
    """What the plan sets, by key."""


def told(case: Path) -> Said:
    _, looks = sections(case.read_text(encoding="utf-8"))
    looks = {key: looks[key] for key in looks if key.split(":")[0] not in ("expect", "plan")}
    module, host = load("conntrackfull"), RecordedHost(looks)
    found = diagnose(module, host)
    assert module.propose is not None
    proposal = module.propose(host, found.seen, FixRequest(boot=False))
    changes = [change for remedy in proposal.chosen for change in remedy.changes]
    return Said(
        tuple(lines(found.by_hand)),
        bool(proposal.refused),
        {change.key: change.value for change in changes if isinstance(change, SetSysctl)},
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_explain_and_fix_have_the_same_numbers(case: Path) -> None:
    said = told(case)
    by_hand = "\n".join(said.by_hand)
    explained = dict(re.findall(rf"(?m)^Set now: +sudo sysctl -w ({N}\w+)=(\d+)$", by_hand))
    assert said.sizes.items() <= explained.items()
    # From a container it is explained; it is the host that has to do it.
    assert said.refused or bool(said.sizes) is bool(explained)


def test_they_write_one_file() -> None:
    [flood] = [case for case in CASES if case.stem == "losing_half_open"]
    said = told(flood)
    assert f"                sudo tee {FILES[0]}" in said.by_hand
    assert said.sizes == {f"{N}buckets": "1048576", f"{N}max": "1048576"}


@pytest.mark.parametrize(
    ("entries", "today", "sizes"),
    [
        (100, (262_144, 262_144), (262_144, 262_144)),  # never below today's
        (100, (65_536, 16_384), (65_536, 65_536)),  # the old rule had a quarter
        (100, (1000, 1_000_000), (1000, 1_000_000)),
        (300_000, (262_144, 262_144), (606_208, 606_208)),  # twice, in steps
        (1 << 40, (1 << 30, 262_144), ((1 << 31) - 1, (1 << 28) - 512)),
    ],
)
def test_what_is_needed_and_as_much_again(
    entries: int, today: tuple[int, int], sizes: tuple[int, int]
) -> None:
    size = enlarged(entries, *today)
    assert (size.max, size.buckets) == sizes


def test_what_was_refused_is_in_no_census() -> None:
    assert enlarged(10, 262_144, 262_144, lost=True) == TableSize(
        524_288,
        524_288,
        Because.LOST,
    )


def test_a_flood_gets_four_times_as_much_or_what_the_kernel_would_choose() -> None:
    size = enlarged(3_670_016, 262_144, 262_144, lost=True)
    assert (size.max, size.more) == (1_048_576, 7_340_032)
    assert enlarged(3_670_016, 10_000, 10_240, default=262_144).max == 262_144


def test_of_a_machine_whose_limits_are_not_known_nothing_but_the_need_counts() -> None:
    assert size_for(1) == TableSize(16_384, 16_384, Because.PEAKS)


@pytest.mark.parametrize(
    ("counts", "walked"),
    [([1_000_000, 500], 1_000_500), ([1_000_000, 40_000], 104_000), ([500], 500)],
)
def test_a_sample_costs_what_all_tables_have(counts: list[int], walked: int) -> None:
    """The kernel passes the entries of all namespaces until it has those of one."""
    case = next(case for case in CASES if case.stem == "losing_now")
    seen = diagnose(load("conntrackfull"), RecordedHost(sections(case.read_text())[1])).seen
    one = seen.tables[0]
    tables = tuple(replace(one, counters=Counters(n, 0, 0, 0, 0), after=None) for n in counts)
    assert passed(replace(seen, tables=tables), tables[-1]) == walked
