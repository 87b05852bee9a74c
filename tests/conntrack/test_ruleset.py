"""Rules that leave untracked what fills a table: for the right causes, and taken by nft(8)."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from ec2rl.conntrack.table.causes import causes
from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.ruleset import ruleset
from ec2rl.conntrack.table.tally import Tally
from support import fill
from support.troubled import TABLES

RULES = {
    "half-open": "tcp dport 443 notrack",
    "DNS churn": "udp sport 53 notrack",
    "UDP churn": "udp dport 27015 notrack",
    "TIME_WAIT storm": "tcp sport 80 notrack",
    "tracked without need": "iif lo notrack",
}


def seen(name: str) -> Census:
    rows, settings = TABLES[name]
    tally = Tally(settings)
    for row in rows:
        tally.add(decode(fill.message(row)[16:]))
    return census(tally, settings, "a test")


@pytest.mark.parametrize("name", [name for name in TABLES if name])
@pytest.mark.sampled(4)
def test_a_rule_where_tracking_less_helps_and_none_elsewhere(name: str) -> None:
    table = seen(name)
    (cause,) = [one for one in causes(table) if one.name.value == name]
    text = ruleset(cause, table)
    assert (RULES[name] in text) if name in RULES else text == ""


@pytest.mark.root
@pytest.mark.kernel
@pytest.mark.parametrize("name", RULES)
def test_nft_takes_it(name: str) -> None:
    if os.geteuid() or not shutil.which("nft") or not shutil.which("unshare"):
        pytest.skip("needs root, nft(8) and unshare(1)")
    table = seen(name)
    (cause,) = [one for one in causes(table) if one.name.value == name]
    subprocess.run(
        ["unshare", "--net", "nft", "-c", "-f", "-"],
        input=ruleset(cause, table),
        text=True,
        check=True,
    )
