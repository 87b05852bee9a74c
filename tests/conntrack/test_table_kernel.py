"""The table of a real namespace: against what was put in, conntrack(8) and pyroute2."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ec2rl.conntrack.queries.entries import ConntrackEntries
from ec2rl.conntrack.queries.kept import Entries
from ec2rl.conntrack.report.entry_text import entry_line
from ec2rl.conntrack.table.capture import Capture
from ec2rl.conntrack.table.causes import causes
from ec2rl.conntrack.table.census import Census, evictable, evictable_later, state_of
from ec2rl.conntrack.table.entry import STATES, Entry, address, state_name
from ec2rl.conntrack.table.filters import Filter, parse_net
from ec2rl.conntrack.table.look import (
    Listing,
    _is_swept,
    census_of_capture,
    open_listing,
    take_census,
)
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.sample import estimate
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.conntrack.table.whatif import what_if
from ec2rl.host import Door
from ec2rl.host.live import LiveHost
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable, Why
from support import fill
from support.troubled import TABLES

pytestmark = [pytest.mark.root, pytest.mark.kernel]

NAME = f"ec2rl-table-{os.getpid()}"
PATH = f"/run/netns/{NAME}"
DAY = 86400
EVERYTHING = [
    *fill.mixture(600, lasting=DAY),
    fill.Row("192.0.2.1", "192.0.2.2", 1, 2, 17, 0, fill.BOTH_WAYS, DAY, 7, 5),
    fill.Row("192.0.2.1", "192.0.2.2", 9, 9, 132, 0, fill.BOTH_WAYS, DAY),
    fill.Row("192.0.2.1", "192.0.2.2", 3, 4, 6, 9, 0, DAY),
    fill.Row("192.0.2.1", "192.0.2.2", 5, 443, 6, 3, fill.BOTH_WAYS, DAY, reply=("10.9.9.9", 8443)),
    fill.Row("2001:db8::7", "2001:db8::8", 5, 443, 6, 3, 6, DAY, 1 << 31, 65535),
]


@pytest.fixture(scope="module")
def netns() -> Iterator[str]:
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("needs root and ip(8)")
    with fill.namespace(NAME) as path:
        yield path


def put(rows: list[fill.Row]) -> None:
    fill.flush(NAME)
    fill.fill(NAME, rows)


def listed(path: str) -> list[Entry]:
    listing = open_listing(Door(path))
    assert isinstance(listing, Listing), listing
    found = list(listing)
    assert listing.gaps() == ()
    return found


def taken(path: str, first: int | None = None) -> Census:
    seen = take_census(Door(path), first=first)
    assert isinstance(seen, Census), seen
    return seen


def run(*command: str) -> str:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    with fill.inside(NAME):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def plain(entry: Entry) -> tuple[object, ...]:
    """What all readers agree on, but for the seconds, which run."""
    return (
        address(entry.original.source),
        address(entry.original.destination),
        entry.original.protocol,
        entry.original.source_port,
        entry.original.destination_port,
        entry.original.icmp,
        address(entry.reply.source),
        entry.reply.source_port,
        entry.state,
        entry.mark,
        entry.zone or 0,
    )


def test_entry_by_entry_as_conntrack_lists_it_in_xml(netns: str) -> None:
    put(EVERYTHING)

    def parsed(flow: ElementTree.Element) -> tuple[object, ...]:
        there, back, extra = (
            next(meta for meta in flow if meta.get("direction") == direction)
            for direction in ("original", "reply", "independent")
        )

        def number(meta: ElementTree.Element, path: str) -> int | None:
            text = meta.findtext(path)
            return None if text is None else int(text)

        layer4 = there.find("layer4")
        assert layer4 is not None
        protocol = int(str(layer4.get("protonum")))
        icmp = None
        if protocol in (1, 58):
            icmp = (8 if protocol == 1 else 128, 0, number(extra, "id") and 0)
        return (
            address_of(there.findtext("layer3/src")),
            address_of(there.findtext("layer3/dst")),
            protocol,
            number(there, "layer4/sport"),
            number(there, "layer4/dport"),
            icmp and icmp[:2],
            address_of(back.findtext("layer3/src")),
            number(back, "layer4/sport"),
            (extra.findtext("state") or "").replace("SYN_SENT2", "SYN_SENT2"),
            number(extra, "mark") or 0,
            number(extra, "zone") or 0,
            number(extra, "id"),
            extra.find("assured") is not None,
            extra.find("unreplied") is None,
        )

    def ours(entry: Entry) -> tuple[object, ...]:
        words = list(plain(entry))
        words[5] = entry.original.icmp and entry.original.icmp[:2]
        return (*words, entry.id, bool(entry.status & 4), bool(entry.status & 2))

    found = []
    for family in ("ipv4", "ipv6"):
        text = run("conntrack", "-L", "-f", family, "-o", "xml,id")
        found += [parsed(flow) for flow in ElementTree.fromstring(text)]
    assert Counter(map(ours, listed(netns))) == Counter(found)


def address_of(text: str | None) -> str:
    import ipaddress

    return str(ipaddress.ip_address(str(text)))


PYROUTE2 = """
import json
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket
def value(message, *path):
    for name in path:
        message = message.get_attr(name) if message else None
    return message
for family, ip in ((2, "V4"), (10, "V6")):
    with NFCTSocket(nfgen_family=family) as netlink:
        for message in netlink.dump():
            there = value(message, "CTA_TUPLE_ORIG")
            print(json.dumps([
                value(there, "CTA_TUPLE_IP", f"CTA_IP_{ip}_SRC"),
                value(there, "CTA_TUPLE_IP", f"CTA_IP_{ip}_DST"),
                value(there, "CTA_TUPLE_PROTO", "CTA_PROTO_NUM"),
                value(there, "CTA_TUPLE_PROTO", "CTA_PROTO_SRC_PORT"),
                value(there, "CTA_TUPLE_PROTO", "CTA_PROTO_DST_PORT"),
                value(message, "CTA_STATUS"),
                value(message, "CTA_PROTOINFO", "CTA_PROTOINFO_TCP", "CTA_PROTOINFO_TCP_STATE"),
                value(message, "CTA_MARK") or 0,
                value(message, "CTA_ZONE") or 0,
                value(message, "CTA_ID"),
            ]))
"""


def test_entry_by_entry_as_pyroute2_decodes_it(netns: str) -> None:
    pytest.importorskip("pyroute2")
    put(EVERYTHING)
    lines = run(sys.executable, "-W", "ignore", "-c", PYROUTE2).splitlines()
    states = dict(zip(STATES[6], range(10)))
    ours = [
        (
            *plain(entry)[:5],
            entry.status,
            states[entry.state] if entry.original.protocol == 6 else None,
            entry.mark,
            entry.zone or 0,
            entry.id,
        )
        for entry in listed(netns)
    ]
    assert Counter(ours) == Counter(tuple(json.loads(line)) for line in lines)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(unreplied=True),
        Filter(mark=7),
        Filter(mark=0, unreplied=True),
        Filter(source=parse_net("::/0")),
        Filter(source=parse_net("0.0.0.0/0"), protocol=17),
    ],
)
def test_what_the_kernel_leaves_out_is_not_meant(netns: str, wanted: Filter) -> None:
    rows = [*fill.mixture(3000, lasting=3000)]
    put([replace(row, mark=7) if at % 3 == 0 else row for at, row in enumerate(rows)])
    listing = open_listing(Door(netns), wanted=wanted)
    assert isinstance(listing, Listing), listing
    pieces = listing.lines(wanted, DEFAULTS, entry_line)
    lines = [line.split() for piece in pieces for line in piece]
    assert listing.gaps() == ()
    meant = [entry for entry in listed(netns) if wanted.admits(entry, DEFAULTS)]
    assert sorted(line[-1] for line in lines) == sorted(f"id={entry.id}" for entry in meant)
    assert meant


def test_the_same_table_as_text(netns: str, tmp_path: Path) -> None:
    put(EVERYTHING)
    through_netlink = Counter(map(plain, listed(netns)))
    both = run("conntrack", "-L")  # of IPv4 and IPv6, or of IPv4 alone, depending on its version
    both += "" if "src=2001:" in both else run("conntrack", "-L", "-f", "ipv6")
    for text in (
        both,
        run("conntrack", "-L", "-o", "extended"),
        run("cat", "/proc/thread-self/net/nf_conntrack"),
    ):
        capture = Capture()
        found = Counter(map(plain, capture.entries([text.encode()])))
        assert capture.gaps() == ()
        assert set(found) == set(through_netlink)
    # Through ctnetlink nobody can make NAT but NAT, and text tells it by the addresses.
    put([row for row in EVERYTHING if row.reply is None])
    saved = tmp_path / "table"
    saved.write_text(run("conntrack", "-L", "-o", "extended"))
    whole, again = taken(netns), census_of_capture(str(saved), DEFAULTS)
    assert isinstance(again, Census)
    assert (again.total, again.by(state_of)) == (whole.total, whole.by(state_of))
    assert [row.count for row in again.services.rows] == [row.count for row in whole.services.rows]


@pytest.mark.slow
def test_a_known_table_of_200_000_to_the_entry(netns: str) -> None:
    rows = list(fill.mixture(200_000, lasting=DAY))
    put(rows)
    seen = taken(netns)
    states = Counter(f"{row.protocol} {row.state}" for row in rows)
    got = Counter[str]()
    for cell in seen.cells:
        name = cell.kind.state
        number = next((n for n in range(10) if n and state_name(6, n) == name), 0)
        got[f"{cell.kind.protocol} {number if cell.kind.protocol == 6 else 0}"] += cell.count
    assert (seen.total, seen.counted, seen.gaps) == (200_000, 200_000, ())
    assert got == states
    assert seen.entries(evictable) == sum(not row.status & fill.ASSURED for row in rows)
    closing = (fill.TIME_WAIT, fill.CLOSE_WAIT, fill.FIN_WAIT)
    assert seen.entries(evictable_later) == sum(row.state in closing for row in rows)
    sources = Counter(address_of(row.source) for row in rows)
    found = {str(row.key): row.count for row in seen.sources.rows}
    assert seen.sources.error == 0
    assert found == {name: sources[name] for name in found}
    assert sorted(found.values()) == sorted(n for _, n in sources.most_common(100))
    services = Counter(
        (address_of(row.destination), row.destination_port, row.protocol)
        for row in rows
        if row.protocol not in (1, 58)
    )
    numbers = {"tcp": 6, "udp": 17}
    for row in seen.services.rows:
        assert not isinstance(row.key, (int, str))
        if row.key.protocol in numbers:
            assert row.key.port is not None
            key = row.key.destination, row.key.port, numbers[row.key.protocol]
            assert services.pop(key) == row.count
    assert not services
    sample = taken(netns, first=20_000)
    assert 20_000 <= sample.total < 21_000
    assert sample.counted == 200_000
    for row in sample.sources.rows[:5]:
        bounds = estimate(row.count, sample.total, 200_000, sample.sources.distinct or 200_000)
        assert bounds.low <= sources[str(row.key)] <= bounds.high


def test_a_sample_for_the_diagnosis_is_from_all_over_the_table(netns: str) -> None:
    """Near its limit the kernel clears a table from one end on."""
    put([*fill.mixture(20_000, lasting=DAY)])
    place = {entry.id: number for number, entry in enumerate(listed(netns))}
    answer = LiveHost().within(Door(netns)).query(ConntrackEntries(4000))
    assert isinstance(answer, Entries), answer
    assert answer.gap == ""
    seen = [place[decode(bytes.fromhex(line)).id] for line in answer.text.splitlines()]
    assert 2000 < len(seen) == len({*seen}) <= 8000
    tenths = Counter(number // 2000 for number in seen)
    assert min(tenths[tenth] for tenth in range(10)) > len(seen) / 25


@pytest.mark.parametrize(
    ("limit", "counted", "swept"),
    [("1000", 899, False), ("1000", 900, True), ("1000", 2000, True), ("0", 5, False)],
)
def test_a_table_near_its_limit_has_no_first_entries_like_the_rest(
    limit: str, counted: int, swept: bool
) -> None:
    host = RecordedHost({"/proc/sys/net/netfilter/nf_conntrack_max": limit})
    assert _is_swept(host, counted) is swept


@pytest.mark.parametrize("name", [name for name in TABLES if name != "DNS churn"])
def test_causes_on_real_tables(netns: str, name: str) -> None:
    rows, settings = TABLES[name]
    put(rows)
    seen = take_census(Door(netns), settings)
    assert isinstance(seen, Census)
    assert [cause.name.value for cause in causes(seen)] == ([name] if name else [])


def test_what_if_against_what_time_does(netns: str) -> None:
    """Half-open entries of known ages: those that a shorter timeout would not keep are gone
    from a table that was made with it."""
    put(
        [
            fill.Row("198.18.0.1", "192.0.2.1", 1000 + i, 443, 6, 1, 0, 120 - i % 100)
            for i in range(1000)
        ]
    )
    (effect,) = what_if(taken(netns), {"tcp_timeout_syn_sent": 50}).effects
    put(
        [
            fill.Row("198.18.0.1", "192.0.2.1", 1000 + i, 443, 6, 1, 0, 50 - i % 100)
            for i in range(1000)
            if i % 100 < 50
        ]
    )
    assert abs(taken(netns).total - (effect.governed - effect.gone)) <= 20  # a second goes by


def test_a_service_behind_nat_is_told_with_what_answers(netns: str) -> None:
    fill.flush(NAME)
    run("nft", "add table ip nat")
    run("nft", "add chain ip nat output { type nat hook output priority -100 ; }")
    run("nft", "add rule ip nat output udp dport 9999 dnat to 127.0.0.2:8888")
    with fill.inside(NAME), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", 9999))
        client.sendto(b"x", ("127.0.0.1", 7777))
        seen = taken(netns)
    run("nft", "delete table ip nat")
    assert sorted((str(row.key), row.count) for row in seen.services.rows) == [
        ("127.0.0.1:7777/udp", 1),
        ("127.0.0.1:9999/udp -> 127.0.0.2:8888", 1),
    ]


def test_a_table_that_changes_while_it_is_read(netns: str) -> None:
    put(list(fill.mixture(40_000, lasting=DAY)))
    child = os.fork()
    if not child:
        try:
            fill.fill(NAME, (fill.Row(s, "203.0.113.9", 7, 7, 17) for s in fill.sources(20_000)))
        finally:
            os._exit(0)
    seen = taken(netns)
    os.waitpid(child, 0)
    assert 40_000 <= seen.total <= 60_000


def test_a_namespace_that_is_none(tmp_path: Path) -> None:
    gone = take_census(Door(str(tmp_path / "gone")))
    assert isinstance(gone, Unreadable)
    assert gone.why is Why.ABSENT


def test_without_the_right_to_look(netns: str) -> None:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgid(65534)
            os.setuid(65534)
            os.write(write, str(take_census()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as answer:
        assert answer.read() == "conntrack -L: denied (needs CAP_NET_ADMIN)"
    os.waitpid(child, 0)
