"""Saved tables: what the kernel and conntrack(8) print, and what they do not."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.table.capture import Capture, parse_line
from ec2rl.conntrack.table.entry import Entry, Flow
from support.examples import examples

PROC = (
    b"ipv4     2 tcp      6 431999 ESTABLISHED src=198.18.0.59 dst=198.51.100.10 sport=24843 "
    b"dport=53 packets=3 bytes=180 src=198.51.100.10 dst=198.18.0.59 sport=53 dport=24843 "
    b"packets=2 bytes=120 [ASSURED] mark=5 secctx=system_u:object_r:unlabeled_t:s0 zone=3 "
    b"delta-time=12 use=2"
)
CLIENT, SERVER = b"\xc6\x12\0\x3b", b"\xc6\x33\x64\x0a"


def test_a_line_of_proc() -> None:
    assert parse_line(PROC) == Entry(
        original=Flow(CLIENT, SERVER, 6, 24843, 53),
        reply=Flow(SERVER, CLIENT, 6, 53, 24843),
        status=0x6,
        timeout=431999,
        state="ESTABLISHED",
        mark=5,
        zone=3,
        use=2,
        packets=(3, 2),
        octets=(180, 120),
        age=12,
    )


@pytest.mark.parametrize(
    ("line", "state", "timeout", "status"),
    [
        (  # conntrack -L
            "tcp      6 118 SYN_SENT src=198.18.0.59 dst=198.51.100.10 sport=1 dport=2 [UNREPLIED] "
            "src=198.51.100.10 dst=198.18.0.59 sport=2 dport=1 mark=0 use=1",
            "SYN_SENT",
            118,
            0,
        ),
        (  # offloaded: no seconds left; up to 6.12 still with a state
            "ipv4     2 tcp      6 ESTABLISHED src=198.18.0.59 dst=198.51.100.10 sport=1 dport=2 "
            "src=198.51.100.10 dst=198.18.0.59 sport=2 dport=1 [OFFLOAD] mark=0 zone=0 use=3",
            "ESTABLISHED",
            None,
            0x4006,
        ),
        (  # and without one
            "ipv4     2 tcp      6 src=198.18.0.59 dst=198.51.100.10 sport=1 dport=2 "
            "src=198.51.100.10 dst=198.18.0.59 sport=2 dport=1 [HW_OFFLOAD] mark=0 zone=0 use=3",
            "",
            None,
            0xC006,
        ),
        (  # source NAT
            "udp      17 28 src=10.0.0.9 dst=198.51.100.10 sport=5 dport=53 "
            "src=198.51.100.10 dst=198.18.0.59 sport=53 dport=6 mark=0 use=1",
            "",
            28,
            0x12,
        ),
        (  # destination NAT
            "udp      17 28 src=198.18.0.59 dst=10.0.0.1 sport=5 dport=53 [UNREPLIED] "
            "src=10.0.9.9 dst=198.18.0.59 sport=5353 dport=5 mark=0 use=1",
            "",
            28,
            0x20,
        ),
    ],
)
def test_flags_and_what_is_left_out(
    line: str, state: str, timeout: int | None, status: int
) -> None:
    entry = parse_line(line.encode())
    assert (entry.state, entry.timeout, entry.status) == (state, timeout, status)


def test_protocols_that_have_something_else_than_ports() -> None:
    icmp = parse_line(
        b"icmp     1 29 src=192.0.2.1 dst=192.0.2.2 type=8 code=0 id=77 [UNREPLIED] "
        b"src=192.0.2.2 dst=192.0.2.1 type=0 code=0 id=77 mark=0 use=1 id=1234567"
    )
    gre = parse_line(
        b"ipv4     2 gre      47 29 timeout=30, stream_timeout=180 src=192.0.2.1 dst=192.0.2.2 "
        b"srckey=0x0 dstkey=0x880b src=192.0.2.2 dst=192.0.2.1 srckey=0x880b dstkey=0x0 "
        b"[ASSURED] mark=0 zone=0 use=2"
    )
    other = parse_line(
        b"ipv6     10 unknown  89 599 src=2001:0db8:0000:0000:0000:0000:0000:0001 "
        b"dst=ff02:0000:0000:0000:0000:0000:0000:0005 zone-orig=7 [UNREPLIED] "
        b"src=ff02:0000:0000:0000:0000:0000:0000:0005 "
        b"dst=2001:0db8:0000:0000:0000:0000:0000:0001 mark=0 use=2"
    )
    assert (icmp.original.icmp, icmp.reply.icmp, icmp.id) == ((8, 0, 77), (0, 0, 77), 1234567)
    assert (gre.original.source_port, gre.original.destination_port) == (0, 0x880B)
    assert (other.original.protocol, other.original.source_port, other.original.zone) == (
        89,
        None,
        7,
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"conntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.",
        b"tcp 6 1 SYN_SENT src=1.2.3.4 dst=1.2.3.5 sport=1 dport=2",
        PROC.replace(b"sport=24843", b"sport=66000"),
        PROC.replace(b"sport=24843", b"sport=-1"),
        PROC.replace(b"src=198.18.0.59", b"src=198.18.0.590"),
        PROC.replace(b"src=198.18.0.59", b"src=::1"),
        PROC.replace(b"mark=5", b"mark=4294967296"),
        PROC.replace(b"tcp", b"\xff\xfe"),
        PROC + b" x" * 3000,
    ],
)
def test_lines_that_are_no_entry(line: bytes) -> None:
    with pytest.raises(ValueError):
        parse_line(line)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_pieces_of_any_size(size: int) -> None:
    text = b"\n".join([PROC, b"no entry", b"", PROC]) + b"\n"
    capture = Capture()
    found = list(capture.entries(text[at : at + size] for at in range(0, len(text), size)))
    assert found == [parse_line(PROC)] * 2
    assert capture.gaps() == ("1 line is no entry",)


def test_a_text_cut_in_a_line_loses_that_line() -> None:
    capture = Capture()
    assert list(capture.entries([PROC + b"\n" + PROC[:-3]])) == [parse_line(PROC)]
    assert capture.gaps() == ("its last line is cut off",)


def test_a_line_without_end_takes_no_memory() -> None:
    capture = Capture()
    assert list(capture.entries(b"x" * 65536 for _ in range(100))) == []
    assert capture.gaps() == ("its last line is cut off",)


@examples(1000)
@given(st.binary(max_size=60), st.integers(0, len(PROC)), st.integers(0, len(PROC)))
def test_damaged_lines_never_raise_anything_else(noise: bytes, begin: int, end: int) -> None:
    with suppress(ValueError):
        parse_line(PROC[:begin] + noise + PROC[end:])
