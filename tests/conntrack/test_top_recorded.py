"""`conntrack top` of a machine that was recorded: by hand, and as it was looked at."""

from __future__ import annotations

import os
import shutil

import pytest

from ec2rl.arguments import parse
from ec2rl.commands import all_commands
from ec2rl.conntrack.commands.top import show
from ec2rl.host import Host
from ec2rl.host.caching import CachingHost
from ec2rl.host.live import LiveHost
from ec2rl.host.recording import RecordedHost, case, sections
from ec2rl.terminal import Terminal
from support import fill

CASE = """\
One client holds a small table: its connections have been idle for hours.
-- clock --
now=2026-11-24T02:00:00Z uptime=86400
-- /proc/sys/net/netfilter/nf_conntrack_max --
16
-- /proc/sys/net/netfilter/nf_conntrack_count --
4
-- /proc/sys/net/netfilter/nf_conntrack_buckets --
1024
-- /proc/sys/net/netfilter/nf_conntrack_generic_timeout --
600
-- conntrack -L --
ipv4     2 tcp      6 400000 ESTABLISHED src=10.0.9.31 dst=10.0.4.17 sport=1024 dport=443 \
src=10.0.4.17 dst=10.0.9.31 sport=443 dport=1024 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 401000 ESTABLISHED src=10.0.9.31 dst=10.0.4.17 sport=1025 dport=443 \
src=10.0.4.17 dst=10.0.9.31 sport=443 dport=1025 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 402000 ESTABLISHED src=10.0.9.31 dst=10.0.4.17 sport=1026 dport=443 \
src=10.0.4.17 dst=10.0.9.31 sport=443 dport=1026 [ASSURED] mark=0 use=1
ipv4     2 udp      17 20 src=198.18.0.1 dst=192.0.2.1 sport=5000 dport=53 [UNREPLIED] \
src=192.0.2.1 dst=198.18.0.1 sport=53 dport=5000 mark=0 use=1
-- expect --
this network namespace: 4 of 16 entries (25%)
    When it is full, 25% can be evicted for a new connection, 0% slowly
    (closing); 75% stay.

Why: none of the known causes stands out: fewer than 1,000 entries tell little.

State                     entries share  idle (half, 9 in 10)
tcp ESTABLISHED ASSURED         3   75%  8 h 40 min, 8 h 57 min
udp UNREPLIED                   1   25%  10 s, 10 s

Connections                      entries share
10.0.9.31 -> 10.0.4.17:443/tcp         3   75%  tcp ESTABLISHED
198.18.0.1 -> 192.0.2.1:53/udp         1   25%  udp

Source                 entries share
10.0.9.31                    3   75%  tcp ESTABLISHED
198.18.0.1                   1   25%  udp

Service                entries share
10.0.4.17:443/tcp            3   75%  tcp ESTABLISHED
192.0.2.1:53/udp             1   25%  udp
"""


class Paper(Terminal):
    """A terminal that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__({})
        self.text = ""

    def out(self, text: str) -> None:
        self.text += text

    def say(self, text: str) -> None:
        self.text += f"ec2rl: {text}\n"


def top(host: Host, *options: str) -> str:
    paper = Paper()
    said = parse(["conntrack", "top", *options], all_commands())
    assert show(said, paper, host) == 0, paper.text
    return paper.text


def test_a_recorded_table_is_shown_as_one_of_this_machine() -> None:
    host = RecordedHost(sections(CASE)[1])
    assert top(host).rstrip("\n") == sections(CASE)[1]["expect"].rstrip("\n")


def test_what_nobody_recorded_is_said() -> None:
    looks = sections(CASE)[1]
    looks["conntrack -L"] = "!denied needs CAP_NET_ADMIN"
    paper = Paper()
    said = parse(["conntrack", "top"], all_commands())
    assert show(said, paper, RecordedHost(looks)) == 3
    assert paper.text == "ec2rl: conntrack -L: denied (needs CAP_NET_ADMIN)\n"


@pytest.mark.root
@pytest.mark.kernel
def test_a_recording_of_a_look_at_the_kernel_shows_the_same() -> None:
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("needs root and ip(8)")
    name = f"ec2rl-top-{os.getpid()}"
    with fill.namespace(name):
        fill.fill(name, fill.mixture(1200, lasting=86400))
        live = CachingHost(LiveHost(), recording=True)
        seen = top(live, f"--netns={name}")
        text = case(live.memory, [])
    again = RecordedHost(sections(text)[1])
    assert "1,200" in seen
    assert top(again, f"--netns={name}") == seen
