"""Settings of which somebody saved a few: each one counts, and what is missing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.conntrack.defaults import SYSCTL
from ec2rl.conntrack.table.targets import known_settings, read_settings
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable, Why
from test_conntrack_commands import ec2rl, established
from test_offline import saved

CLOSING = "\n".join(
    established(port, 30 + port % 3000).replace("ESTABLISHED", "CLOSE_WAIT")
    for port in range(1024, 3024)
)
SOME = "net.netfilter.nf_conntrack_tcp_timeout_"


@pytest.mark.parametrize(
    "some",
    [
        {"tcp_timeout_established": 432000},
        {"tcp_timeout_close_wait": 3600, "udp_timeout": 30},
        {"generic_timeout": 600},
    ],
)
def test_each_timeout_that_was_saved_is_in_force(some: dict[str, int]) -> None:
    looks = {SYSCTL + name: f"{value}\n" for name, value in some.items()}
    assert known_settings(RecordedHost(looks, missing=Why.NOT_COLLECTED)) == some


def test_where_none_was_saved_it_is_said_why() -> None:
    found = read_settings(RecordedHost({}, missing=Why.NOT_COLLECTED))
    assert isinstance(found, Unreadable)
    assert found.why is Why.NOT_COLLECTED


@pytest.mark.more
@pytest.mark.parametrize(
    "text",
    [
        f"{SOME}close_wait = 3600\n",
        f"$ sysctl -a | grep tcp_timeout\n{SOME}close = 10\n{SOME}close_wait = 3600\n",
        f"> {SOME}close_wait = 3600\n> {SOME}fin_wait = 120\n",
    ],
)
def test_the_cause_is_told_by_the_one_timeout_that_it_needs(tmp_path: Path, text: str) -> None:
    table, sysctl = saved(tmp_path, "L.txt", CLOSING), saved(tmp_path, "sysctl", text)
    done = ec2rl("conntrack", "top", f"--file={table}", f"--sysctl={sysctl}")
    assert "connections in CLOSE_WAIT are kept for 1 h" in done.stdout
    assert "are not known" not in done.stdout


@pytest.mark.more
def test_what_if_names_the_timeouts_that_are_missing(tmp_path: Path) -> None:
    table = saved(tmp_path, "L.txt", CLOSING)
    sysctl = saved(tmp_path, "sysctl", f"{SOME}established = 432000\n")
    words = ("tcp_timeout_close_wait=60", "tcp_timeout_established=1d")
    done = ec2rl("conntrack", "whatif", f"--file={table}", f"--sysctl={sysctl}", *words)
    said = " ".join(done.stdout.split())
    assert "(today's tcp_timeout_close_wait would tell, in --sysctl=FILE)" in said
    assert "what frees entries now is conntrack free, on that machine" in said


@pytest.mark.more
def test_the_settings_that_were_read_are_named_for_a_closer_look(tmp_path: Path) -> None:
    table = saved(tmp_path, "L.txt", CLOSING)
    text = f"{SOME}close_wait = 3600\nnet.netfilter.nf_conntrack_max = 2000\n"
    sysctl = saved(tmp_path, "my settings", text)
    done = ec2rl("run", "--no-save", "--only-modules=conntrackfull", table, sysctl)
    assert f"conntrack top --file={table} --sysctl='{sysctl}'" in done.stdout
    assert "What helps: put the timeout back to 60 s where it is set: on Kubernetes" in done.stdout
    assert "; until then raise net.netfilter.nf_conntrack_max and" in done.stdout
    both = saved(tmp_path, "both", f"$ sysctl -a\n{text}$ conntrack -L\n{CLOSING}\n")
    done = ec2rl("run", "--no-save", "--only-modules=conntrackfull", both)
    assert f"conntrack top --file={both} --sysctl={both}" in done.stdout
