"""Each cause is seen in the table made for it, and in no other."""

from __future__ import annotations

import pytest

from ec2rl.arguments import parse
from ec2rl.conntrack import commands as conntrack
from ec2rl.conntrack.report.table_json import census_facts
from ec2rl.conntrack.report.table_text import top
from ec2rl.conntrack.table.cause import CauseName
from ec2rl.conntrack.table.causes import causes
from ec2rl.conntrack.table.remedies import untracked
from ec2rl.conntrack.table.targets import TableTarget, TableTargets
from ec2rl.conntrack.table.tcp_causes import short_of_a_cause
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.conntrack.tables import Limits
from ec2rl.host import Door
from ec2rl.record import replace
from ec2rl.report.wording import text
from support.fill import Row
from support.tables import counted
from support.troubled import BUSY, DNS, EVERYDAY, FLOOD, LEFT_BY_TWO, LEFT_OPEN, POOL, TABLES


@pytest.mark.parametrize("name", list(TABLES))
def test_a_cause_is_seen_where_it_is_and_nowhere_else(name: str) -> None:
    rows, settings = TABLES[name]
    assert [cause.name.value for cause in causes(counted(rows, settings))] == (
        [name] if name else []
    )


def test_an_everyday_table_has_no_cause() -> None:
    assert causes(counted(EVERYDAY)) == ()


def test_a_small_table_proves_nothing() -> None:
    assert causes(counted(FLOOD[:999])) == ()


def test_two_causes_at_once_and_the_larger_first() -> None:
    found = causes(counted([*POOL, *DNS[:1600]]))
    assert [cause.name.value for cause in found] == ["hoarding client", "DNS churn"]


def test_connections_that_many_left_open() -> None:
    (cause,) = causes(counted([*LEFT_OPEN, *EVERYDAY[:800]]))
    assert text(cause.headline) == (
        "36% of the entries are connections that have been idle for more than 2 h, most to "
        "192.0.2.1:443/tcp"
    )
    assert [text(one) for one in cause.evidence][1] == (
        "1,000 of these have been idle for more than 2 h, with not even a keepalive of Linux's; "
        "nf_conntrack_tcp_timeout_established keeps them for 5 d"
    )
    (both,) = causes(counted(LEFT_BY_TWO))
    assert both.name.value == "idle connections"
    few = {**DEFAULTS, "tcp_timeout_established": 431995}
    assert causes(counted(LEFT_OPEN, few))[0].name.value == "idle connections"


@pytest.mark.parametrize(
    ("rows", "settings", "short"),
    [
        (BUSY, DEFAULTS, "100% are established connections, and 0 have been idle for more than"),
        ([*LEFT_OPEN, *EVERYDAY], DEFAULTS, "fewer than a third"),
        (BUSY, {}, "nf_conntrack_tcp_timeout_established alone, which is not known"),
    ],
)
def test_which_condition_is_missing_is_said(
    rows: list[Row], settings: dict[str, int], short: str
) -> None:
    seen = counted(rows, settings)
    said = short_of_a_cause(seen)
    assert causes(seen) == ()
    assert said is not None
    assert short in text(said)


def test_the_headline_of_a_leaking_pool() -> None:
    (cause,) = causes(counted([*POOL, *EVERYDAY[:800]]))
    headline = "71% of the entries are one client: 10.0.9.31 -> 10.0.4.17:443/tcp"
    assert text(cause.headline) == headline
    assert tuple(map(text, cause.evidence)) == (
        "2,000 of 2,800 entries (71%) are established connections of 10.0.9.31",
        "2,000 of these go to one service: 10.0.9.31 -> 10.0.4.17:443/tcp",
        "at least 1,800 of them have been idle for more than 5 min 50 s;"
        " nf_conntrack_tcp_timeout_established keeps them for 5 d",
    )


def test_what_is_to_be_typed_against_a_leaking_pool_can_be_typed() -> None:
    """With its client, and on its table: the whole line goes into a shell as it is."""
    seen = counted([*POOL, *EVERYDAY[:800]])
    there = TableTarget("netns 7 (web)", (Door("/run/netns/web", 7),), 2800, 7)
    ours = TableTarget("this host", (), 2800, 8)
    free = "sudo ./ec2rl conntrack free --src=10.0.9.31 --idle-over=350"
    limits = Limits(262_144, 262_144, 8 << 30, True)
    for target, typed in (
        (ours, free),
        (there, f"{free} --netns=7"),
        (replace(there, here=False), f"{free} --netns=7  # on that machine"),
    ):
        told = top(target, TableTargets((target,), (), limits, None), seen, "", 5, ())
        assert f"delete what is idle\n{' ' * 20}{typed}\n" in told
        causes_ = census_facts(seen, target)["causes"]
        assert isinstance(causes_, list)
        assert [one["command"] for one in causes_ if isinstance(one, dict)] == [typed]
        args = parse(typed.partition("  #")[0].split()[3:], conntrack.COMMANDS)
        assert args.last("src") == "10.0.9.31"


def test_a_namespace_that_has_most() -> None:
    assert causes(counted(EVERYDAY), {"a": 900, "b": 900}) == ()
    assert causes(counted(EVERYDAY), {"a": 5000}) == ()
    (cause,) = causes(counted(EVERYDAY), {"a": 900, "b": 9100})
    assert (cause.name, cause.share) == (CauseName.ONE_NAMESPACE, 0.91)
    assert text(cause.evidence[0]) == "9,100 of 10,000 entries in 2 namespaces are in b"


@pytest.mark.parametrize("name", [name for name in TABLES if name])
def test_each_cause_says_what_fits_and_what_does_not(name: str) -> None:
    (cause,) = causes(counted(*TABLES[name]))
    assert cause.advice.fits
    assert cause.advice.not_fits
    assert all(line for line in map(str.strip, map(text, cause.evidence)))


def test_untracked_in_both_directions() -> None:
    rules = untracked("udp", 53)
    assert rules.count("udp dport 53 notrack") == rules.count("udp sport 53 notrack") == 2
