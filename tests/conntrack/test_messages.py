"""Each wording of each kernel, as it arrives, and what is only like one."""

from __future__ import annotations

import random

import pytest

from ec2rl.conntrack.messages import PHRASES, Kind, Message, understand
from ec2rl.facts.kmsg import parse_kmsg
from ec2rl.forms.parse import parse_record

TEXTS = {
    "2.4, the limit": ("ip_conntrack: maximum limit of 16368 entries exceeded", None),
    "2.4 and 2.6, ip_conntrack": ("ip_conntrack: table full, dropping packet.", None),
    "ip_conntrack, a blank at the end": ("ip_conntrack: table full, dropping packet. ", None),
    "2.6 to 4.3": ("nf_conntrack: table full, dropping packet.", None),
    "4.4": ("nf_conntrack: table full, dropping packet", None),
    "4.9 and later": ("nf_conntrack: nf_conntrack: table full, dropping packet", None),
    "6.17 and later, a namespace": (
        "nf_conntrack: nf_conntrack: table full in netns 4026532315, dropping packet",
        4026532315,
    ),
    "a namespace, one prefix": (
        "nf_conntrack: table full in netns 4026531840, dropping packet",
        4026531840,
    ),
}
TRANSPORTS = {
    "dmesg": "[ 1571.094835] {}",
    "dmesg, up for 3 years": "[98765432.094835] {}",
    "dmesg with the thread": "[  371.094886][ T1234] {}",
    "dmesg with the CPU": "[  371.094886][    C7] {}",
    "dmesg -r": "<4>[  371.094886] {}",
    "dmesg -x": "kern  :warn  : [  371.094886] {}",
    "dmesg -T": "[Tue Nov 24 02:39:55 2026] {}",
    "dmesg -T -x": "kern  :warn  : [Fri Nov  6 02:39:55 2026] {}",
    "RFC 3164": "Nov  6 02:39:55 doom kernel: {}",
    "RFC 3164 with the priority": "<4>Nov  6 02:39:55 doom kernel: {}",
    "RFC 3164 with the kernel's stamp": "Nov 16 02:39:55 ip-10-0-0-1 kernel: [12345.678901] {}",
    "BusyBox": "Jan 31 23:59:59 router kern.warn kernel: [ 12.345678] {}",
    "RSYSLOG_FileFormat": "2026-11-22T22:11:14.123456+00:00 ip-10-0-0-1 kernel: [ 1.678901] {}",
    "RSYSLOG_FileFormat without a stamp": "2026-11-22T22:11:14.123456-05:30 host kernel: {}",
    "ISO 8601 in UTC": "2026-11-22T22:11:14Z host kernel: {}",
    "journalctl -o short": "Nov 24 02:39:55 host.example.com kernel: {}",
    "journalctl -o short-precise": "Nov 24 02:39:55.123456 host kernel: {}",
    "journalctl -o short-iso": "2026-11-24T02:39:55+0000 host kernel: {}",
}
RECORDS = {
    "a record": "4,1234,371094886,-;{}",
    "a record with its caller": "4,1234,371094886,-,caller=T1234;{}",
    "a record with fields of tomorrow": "4,1234,371094886,c,caller=C1,new=1;{}",
    "a record with a dictionary": "4,1,371094886,-;{}\n SUBSYSTEM=net\n DEVICE=n2",
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kernel", TEXTS)
def test_a_line_of_text_is_recognised(kernel: str, transport: str) -> None:
    text, netns = TEXTS[kernel]
    parsed = parse_record(TRANSPORTS[transport].format(text))
    assert parsed is not None
    assert parsed.is_kernels
    assert understand(parsed.message) == Message(Kind.TABLE_FULL, netns)
    assert parsed.count == 1


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("kernel", TEXTS)
def test_a_record_of_the_ring_buffer_is_recognised(kernel: str, record: str) -> None:
    text, netns = TEXTS[kernel]
    ring = f"6,1,1,-;boot\n{RECORDS[record].format(text)}\n6,1235,371094890,-;later\n"
    (line,) = parse_kmsg(ring, PHRASES, None, None)
    assert understand(line.message) == Message(Kind.TABLE_FULL, netns)
    assert (line.trusted, line.monotonic) == (True, 371094886)


@pytest.mark.parametrize("kernel", TEXTS)
def test_a_repetition_counts_as_often_as_it_says(kernel: str) -> None:
    text, netns = TEXTS[kernel]
    for head in ("Nov  6 02:39:55 host kernel: ", "2026-11-22T22:11:14.123456+00:00 host kernel: "):
        for stamp in ("", "[12345.678901] "):
            parsed = parse_record(f"{head}message repeated 3 times: [ {stamp}{text}]")
            assert parsed is not None
            assert (understand(parsed.message), parsed.count) == (
                Message(Kind.TABLE_FULL, netns),
                3,
            )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nf_conntrack: expectation table full", Message(Kind.EXPECTATIONS_FULL)),
        ("nf_conntrack: nf_conntrack: expectation table full", Message(Kind.EXPECTATIONS_FULL)),
        ("net_ratelimit: 384 callbacks suppressed", Message(Kind.SUPPRESSED, number=384)),
        ("__ratelimit: 7 callbacks suppressed", Message(Kind.SUPPRESSED, number=7)),
        ("printk: 1 messages suppressed.", Message(Kind.SUPPRESSED, number=1)),
        ("neighbour: arp_cache: neighbor table overflow!", Message(Kind.NEIGHBOURS_FULL)),
        ("neighbour: ndisc_cache: neighbor table overflow!", Message(Kind.NEIGHBOURS_FULL)),
        ("IPv4: arp_cache: neighbor table overflow!", Message(Kind.NEIGHBOURS_FULL)),
        ("Neighbour table overflow.", Message(Kind.NEIGHBOURS_FULL)),
        (
            "TCP: request_sock_TCP: Possible SYN flooding on port 8080. Sending cookies.  "
            "Check SNMP counters.",
            Message(Kind.SYN_FLOOD),
        ),
        (
            "TCP: request_sock_TCP: Possible SYN flooding on port [::]:443. Sending cookies.",
            Message(Kind.SYN_FLOOD),
        ),
        ("possible SYN flooding on port 80. Sending cookies.", Message(Kind.SYN_FLOOD)),
        ("Missed 26351 kernel messages", Message(Kind.MISSED, number=26351)),
    ],
)
def test_other_limits_are_kept_apart(text: str, message: Message) -> None:
    assert understand(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "nf_conntrack: falling back to vmalloc.",
        "nf_conntrack version 0.5.0 (65536 buckets, 262144 max)",
        "nf_conntrack: default automatic helper assignment has been turned off for security",
        "nf_ct_ftp: dropping packet: partial PORT",
        "nf_ct_proto_6: invalid packet ignored in state SYN_RECV",
        "nf_queue: full at 1024 entries, dropping packets(s)",
        "eth0 ate my IP address",
        "TCP: too many orphaned sockets",
        "ip_conntrack version 2.4 (8192 buckets, 65536 max) - 304 bytes per conntrack",
        "nf_conntrack: table full in netns ٤٠٢٦٥٣٢٣١٥, dropping packet",
        "nf_conntrack: table full in netns 99999999999, dropping packet",
    ],
)
def test_other_words_of_the_kernel_are_none(text: str) -> None:
    assert understand(text) is None


def alike(rng: random.Random) -> str:
    """A line that holds the kernel's words, and was not written by the kernel for a full table."""
    text = rng.choice(list(TEXTS.values()))[0].strip()
    stamp = rng.choice(["", f"[{rng.randrange(10**6)}.{rng.randrange(10**6):06}] "])
    head = rng.choice(
        ["Nov  6 02:39:55 host ", "2026-11-22T22:11:14.123456+00:00 host ", "<4>Nov 16 02:39:55 h "]
    )
    interface = rng.choice(["eth0", "ens5", "lo", "docker0", "veth12ab"])
    kind = rng.randrange(8)
    if kind == 0:  # a firewall's log rule, with any words before
        ends = f"IN={interface} OUT= MAC=0a:ff SRC=192.0.2.{rng.randrange(256)} DST=198.51.100.1"
        return f"{head}kernel: {stamp}{text}{rng.choice([' ', ''])}{ends}"
    if kind == 1:  # quoted by another program
        program = rng.choice(["sudo", "audit", "myapp", "sshd", "CRON", "systemd", "kernel-watch"])
        number = rng.choice(["", f"[{rng.randrange(2, 99999)}]"])
        quoted = rng.choice([f"{text}", f"COMMAND=/bin/grep '{text}'", f'msg="{text}"'])
        return f"{head}{program}{number}: {quoted}"
    if kind == 2:  # a process that calls itself kernel
        return f"{head}kernel[{rng.randrange(2, 99999)}]: {stamp}{text}"
    if kind == 3:  # another module of the kernel
        module = rng.choice(["xt_foo", "bridge", "IPVS", "nf_conntrack_x", "ct", "nf_nat", "audit"])
        return f"{head}kernel: {stamp}{module}: {text}"
    if kind == 4:  # words behind it
        behind = rng.choice([" again", "!", " (3 times)", ", really", '"', "]", "..", " -- ok"])
        return f"{head}kernel: {stamp}{text}{behind}"
    if kind == 5:  # a letter that is another one
        place = rng.randrange(len(text))
        other = rng.choice([c for c in "aeioux_:#" if c != text[place]])
        changed = text[:place] + other + text[place + 1 :]
        return f"{head}kernel: {stamp}{changed}"
    if kind == 6:  # half of it
        return f"{head}kernel: {stamp}{text[: rng.randrange(1, len(text) - 1)]}"
    return f"{rng.choice(['', '# ', 'grep: '])}{text}"  # no transport at all


def seems_full(line: str) -> bool:
    parsed = parse_record(line)
    message = understand(parsed.message) if parsed and parsed.is_kernels else None
    return message is not None and message.kind is Kind.TABLE_FULL


def test_a_thousand_look_alikes_are_refused() -> None:
    rng = random.Random(2026)
    lines = {alike(rng) for _ in range(2000)}
    assert len(lines) >= 1000
    assert [line for line in sorted(lines) if seems_full(line)] == []
