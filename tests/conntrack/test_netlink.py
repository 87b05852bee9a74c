"""ctnetlink entries, as Linux 6.18 wrote them and as no kernel would."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.table.entry import Entry, Flow, address
from ec2rl.conntrack.table.netlink import decode
from ec2rl.netlink import MalformedError, attributes
from support.examples import examples
from support.fill import BOTH_WAYS, CLOSE_WAIT, Row
from support.tables import body

# One entry of a dump of Linux 6.18, made through ctnetlink.
TIME_WAIT = bytes.fromhex(
    "02000000340001801400018008000100c612000308000200c00002021c00028005000100060000000600020011b20000"
    "0600030001bb0000340002801400018008000100c000020208000200c61200031c000280050001000600000006000200"
    "01bb00000600030011b20000080003000000000e080008000000000008000c003c36f14108000b000000000108000700"
    "00000077300004802c000180050001000700000005000200000000000500030000000000060004000800000006000500"
    "080000001c001880080001000000000008000200000000000800030000000000"
)


def test_an_entry_as_the_kernel_wrote_it() -> None:
    client, server = b"\xc6\x12\0\x03", b"\xc0\0\x02\x02"
    assert decode(TIME_WAIT) == Entry(
        original=Flow(client, server, 6, 4530, 443),
        reply=Flow(server, client, 6, 443, 4530),
        status=0xE,
        timeout=119,
        state="TIME_WAIT",
        id=0x3C36F141,
        use=1,
    )


def test_what_optional_attributes_say() -> None:
    row = Row(
        "2001:db8::1", "2001:db8::2", 40000, 53, 17, 0, BOTH_WAYS, 99, 7, 5, ("2001:db8::9", 5353)
    )
    extra = bytes.fromhex(
        "1c000980 0c000100 0000000000000003 0c000200 0000000000000100"
        "1c000a80 0c000100 0000000000000002 0c000200 0000000000000080"
        "1c001480 0c000100 17b0000000000000 0c000200 17b0000000000001"
        "0c000580 08000100 66747000"
        "08003f3f 01020304"
    )
    entry = decode(body(row) + extra)
    assert [address(part) for part in (entry.reply.source, entry.original.source)] == [
        "2001:db8::9",
        "2001:db8::1",
    ]
    assert entry == Entry(
        original=Flow(entry.original.source, entry.original.destination, 17, 40000, 53),
        reply=Flow(entry.reply.source, entry.reply.destination, 17, 5353, 40000),
        status=0xE,
        timeout=99,
        mark=7,
        zone=5,
        packets=(3, 2),
        octets=(256, 128),
        start=0x17B0000000000000,
        stop=0x17B0000000000001,
        helper="ftp",
    )


def test_icmp_has_an_id_and_no_ports() -> None:
    entry = decode(body(Row("192.0.2.1", "192.0.2.2", 77, 0, 1, timeout=30)))
    assert (entry.original.icmp, entry.reply.icmp) == ((8, 0, 77), (0, 0, 77))
    assert entry.original.source_port is None


@pytest.mark.parametrize("cut", range(len(TIME_WAIT)))
def test_cut_anywhere_it_is_an_entry_with_less_or_none(cut: int) -> None:
    try:
        entry = decode(TIME_WAIT[:cut])
    except MalformedError:
        return
    whole = decode(TIME_WAIT)
    assert (entry.original, entry.reply) == (whole.original, whole.reply)


@pytest.mark.parametrize(
    "data",
    [
        b"\x03\x00\x01\x00",
        b"\x00\x00\x01\x00",
        b"\xff\xff\x01\x00",
        b"\x04\x00\x01\x00\x00",
    ],
)
def test_lengths_that_cannot_be(data: bytes) -> None:
    with pytest.raises(MalformedError):
        attributes(data)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("08000700", "07000700"),  # seconds of three bytes
        ("0800030000", "0500030000"),  # a status of one
        ("08000100c6120003", "07000100c6120003"),  # an address of three
        ("0500010006", "0600010006"),  # a protocol of two
        ("06000300", "05000300"),  # a port of one
    ],
)
def test_an_attribute_of_the_wrong_length_is_no_entry(right: str, wrong: str) -> None:
    assert right in TIME_WAIT.hex()
    with pytest.raises(MalformedError):
        decode(bytes.fromhex(TIME_WAIT.hex().replace(right, wrong, 1)))


def test_a_state_of_another_protocol_is_none() -> None:
    udp = body(Row("192.0.2.1", "192.0.2.2", 1, 2, 17, state=CLOSE_WAIT))
    assert decode(udp).state == ""


@examples(1000)
@given(st.binary(max_size=80), st.integers(0, len(TIME_WAIT)), st.integers(0, len(TIME_WAIT)))
def test_damaged_entries_never_raise_anything_else(noise: bytes, begin: int, end: int) -> None:
    with suppress(MalformedError):
        decode(TIME_WAIT[:begin] + noise + TIME_WAIT[end:])
