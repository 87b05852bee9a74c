"""Tables as people have them: each form that conntrack(8) prints, and what befell it since."""

from __future__ import annotations

import gzip
import lzma
import os
import random
from pathlib import Path

import pytest

from ec2rl.conntrack.queries.entry_lines import EntryLines
from ec2rl.conntrack.saved_evidence import open_named
from ec2rl.conntrack.table.capture import Capture, parse_line
from ec2rl.conntrack.table.causes import causes
from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.look import census_of_capture
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.text_tally import TextTally
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.model import Unreadable

# What conntrack-tools 1.4.7 printed of three entries on Linux 6.18, in each of its forms.
UDP = (
    "udp      17 29 src=::1 dst=::1 sport=58242 dport=5353 packets=1 bytes=49 [UNREPLIED] src=::1 "
    "dst=::1 sport=5353 dport=58242 packets=0 bytes=0 mark=7 delta-time=1"
)
WAIT = (
    "tcp      6 59 CLOSE_WAIT src=127.0.0.1 dst=127.0.0.1 sport=39010 dport=8080 packets=3 "
    "bytes=164 src=127.0.0.1 dst=127.0.0.1 sport=8080 dport=39010 packets=2 bytes=112 [ASSURED] "
    "mark=7 delta-time=1"
)
PLAIN = f"{UDP} use=1\n{WAIT} use=1\n"
SAID = "conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.\n"
START = "[start=Thu Nov 26 07:57:39 2026]"
XML = """<?xml version="1.0" encoding="utf-8"?>
<conntrack>
<flow><meta direction="original"><layer3 protonum="10" protoname="ipv6"><src>::1</src>\
<dst>::1</dst></layer3><layer4 protonum="17" protoname="udp"><sport>58242</sport>\
<dport>5353</dport></layer4><counters><packets>1</packets><bytes>49</bytes></counters></meta>\
<meta direction="reply"><layer3 protonum="10" protoname="ipv6"><src>::1</src><dst>::1</dst>\
</layer3><layer4 protonum="17" protoname="udp"><sport>5353</sport><dport>58242</dport></layer4>\
<counters><packets>0</packets><bytes>0</bytes></counters></meta><meta direction="independent">\
<timeout>29</timeout><mark>7</mark><use>1</use><id>859403976</id><unreplied/>\
<deltatime>1</deltatime></meta></flow>
<flow><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>127.0.0.1</src>\
<dst>127.0.0.1</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>39010</sport>\
<dport>8080</dport></layer4><counters><packets>3</packets><bytes>164</bytes></counters></meta>\
<meta direction="reply"><layer3 protonum="2" protoname="ipv4"><src>127.0.0.1</src>\
<dst>127.0.0.1</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>8080</sport>\
<dport>39010</dport></layer4><counters><packets>2</packets><bytes>112</bytes></counters></meta>\
<meta direction="independent"><state>CLOSE_WAIT</state><timeout>59</timeout><mark>7</mark>\
<use>1</use><id>3445321842</id><assured/><deltatime>1</deltatime></meta></flow>
</conntrack>
"""
SAVE = (
    "-A -t 29 -u UNSET -s ::1 -d ::1 -r ::1 -q ::1 -p udp --sport 58242 --dport 5353 "
    "--reply-port-src 5353 --reply-port-dst 58242\n"
    "-A -t 59 -u SEEN_REPLY,ASSURED -s 127.0.0.1 -d 127.0.0.1 -r 127.0.0.1 -q 127.0.0.1 -p tcp "
    "--sport 39010 --dport 8080 --reply-port-src 8080 --reply-port-dst 39010 --state CLOSE_WAIT\n"
)
PROC = (
    "ipv6     10 udp      17 29 src=0000:0000:0000:0000:0000:0000:0000:0001 "
    "dst=0000:0000:0000:0000:0000:0000:0000:0001 sport=58242 dport=5353 packets=1 bytes=49 "
    "[UNREPLIED] src=0000:0000:0000:0000:0000:0000:0000:0001 "
    "dst=0000:0000:0000:0000:0000:0000:0000:0001 sport=5353 dport=58242 packets=0 bytes=0 mark=7 "
    f"zone=0 delta-time=0 use=2\nipv4     2 {WAIT} use=2\n"
)
OLD = PLAIN.replace(" mark=7 delta-time=1 use=1", " use=1 mark=7")  # /proc/net/ip_conntrack


def wrapped(text: str, width: int) -> str:
    """As a terminal cuts lines: anywhere."""
    pieces = [
        line[at : at + width] for line in text.splitlines() for at in range(0, len(line), width)
    ]
    return "\n".join(pieces) + "\n"


def mailed(text: str) -> str:
    """As mail cuts lines: at a space, at most 78 columns."""
    lines = []
    for line in text.splitlines():
        while len(line) > 78:
            at = line.rindex(" ", 0, 78)
            lines.append(line[: at + 1])
            line = line[at + 1 :]
        lines.append(line)
    return "\n".join(lines) + "\n"


FORMS = {
    "-L": PLAIN,
    "-o extended": PLAIN.replace("udp  ", "ipv6     10 udp  ").replace("tcp", "ipv4     2 tcp"),
    "-o id": PLAIN.replace("use=1", "use=1 id=859403976"),
    "-o ktimestamp": PLAIN.replace("use=1", f"{START} use=1"),
    "-o labels": PLAIN.replace("use=1", "labels=a,b use=1"),
    "-o xml": XML,
    "-o xml, indented": XML.replace("><", ">\n  <"),
    "-o save": SAVE,
    "/proc/net/nf_conntrack": PROC,
    "/proc/net/ip_conntrack": OLD,
    "secmark": PLAIN.replace("mark=7", "mark=7 secmark=0"),
    "a vendor's": PLAIN.replace("use=1", "l7proto=unknown slow=1 use=1"),
    "2>&1 in front": SAID + PLAIN,
    "2>&1 in the middle": PLAIN[:60] + SAID + PLAIN[60:],
    "quoted": "".join(f"> {line}\n" for line in PLAIN.splitlines()),
    "quoted twice": "".join(f">> > {line}\n" for line in PLAIN.splitlines()),
    "indented": "".join(f"    {line}\n" for line in PLAIN.splitlines()),
    "fenced": f"```\n{PLAIN}```\n",
    "grep -n": "".join(f"{n}:{line}\n" for n, line in enumerate(PLAIN.splitlines(), 1)),
    "grep with names": "".join(f"table.txt:{line}\n" for line in PLAIN.splitlines()),
    "coloured": PLAIN.replace("8080", "\x1b[01;31m\x1b[K8080\x1b[m\x1b[K"),
    "\\r\\n": PLAIN.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + PLAIN,
    "mailed": mailed(PLAIN),
    "mailed and quoted": "".join(f"> {line}\n" for line in mailed(PLAIN).splitlines()),
    "cut by a terminal": wrapped(PLAIN, 80),
}


def read(data: bytes, size: int = 1 << 18) -> tuple[EntryLines, list[bytes]]:
    reader = EntryLines()
    blocks = reader.blocks(data[at : at + size] for at in range(0, len(data), size))
    return reader, [line for lines, _ in blocks for line in lines]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [7, 1 << 18])
def test_every_form_holds_the_same_entries(form: str, size: int) -> None:
    reader, lines = read(FORMS[form].encode(), size)
    found, plain = map(parse_line, lines), map(parse_line, PLAIN.encode().splitlines())
    assert [(e.original, e.reply, e.status, e.timeout, e.state) for e in found] == [
        (e.original, e.reply, e.status, e.timeout, e.state) for e in plain
    ]
    assert reader.gaps() == ()


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read(code: str) -> None:
    assert read(PLAIN.encode(code), 13)[1] == PLAIN.encode().splitlines()


EVENTS = (
    "    [NEW] tcp      6 120 SYN_SENT src=192.0.2.5 dst=192.0.2.8 sport=4 dport=443 [UNREPLIED] "
    "src=192.0.2.8 dst=192.0.2.5 sport=443 dport=4\n"
    "[1795679862.822547]\t [UPDATE] tcp      6 60 SYN_RECV src=192.0.2.5 dst=192.0.2.8 sport=4 "
    "dport=443 src=192.0.2.8 dst=192.0.2.5 sport=443 dport=4\n"
    "[DESTROY] tcp      6 src=192.0.2.5 dst=192.0.2.8 sport=4 dport=443 src=192.0.2.8 "
    "dst=192.0.2.5 sport=443 dport=4 [ASSURED]\n"
)


def test_events_are_no_table() -> None:
    reader, lines = read(EVENTS.encode())
    assert (lines, reader.events, reader.others) == ([], 3, 0)
    assert reader.none() == "it is the output of conntrack -E, no table: save that of conntrack -L"
    assert read((EVENTS + PLAIN).encode())[0].total == 2
    flow = XML.replace("<flow>", '<flow type="new">')
    assert (read(flow.encode())[0].total, read(flow.encode())[0].events) == (0, 2)


def test_what_is_not_wrapped_is_not_joined() -> None:
    reader, lines = read(f"{PLAIN}a note of mine\nnet.x = 5\n{PLAIN}".encode())
    assert (len(lines), reader.others) == (4, 2)


@pytest.mark.parametrize("mask", ["x.x.x.10", "10.0.xxx.xxx", "9f86d081884c7d65", "<client-1>"])
def test_masked_addresses_still_count(tmp_path: Path, mask: str) -> None:
    text = WAIT.replace("src=127.0.0.1", f"src={mask}", 1).replace(
        "dst=127.0.0.1 sport=8080", f"dst={mask} sport=8080"
    )
    path = tmp_path / "table"
    path.write_text(f"{text} use=1\n" * 20)
    found = census_of_capture(str(path), DEFAULTS)
    assert isinstance(found, Census)
    assert found.total == 20
    assert [str(row.key) for row in found.pairs.rows] == [f"{mask} -> 127.0.0.1:8080/tcp"]
    assert found.gaps == (
        "the addresses of 20 entries are masked: what is told as one may be many",
    )


@pytest.mark.parametrize("number", [1, 20])
@pytest.mark.parametrize("end", ["src=192.0.2.1", "dst=203.0.113.9"])
def test_an_address_that_is_masked_in_one_direction_alone(
    tmp_path: Path, number: int, end: str
) -> None:
    line = (
        "tcp      6 59 ESTABLISHED src=10.0.0.5 dst=198.51.100.1 sport=5000 dport=443 "
        "src=192.0.2.1 dst=203.0.113.9 sport=443 dport=5000 [ASSURED] mark=0 use=1\n"
    )
    path = tmp_path / "table"
    path.write_text(line.replace(end, f"{end[:4]}x.x.x.x") * number)
    found = census_of_capture(str(path), DEFAULTS)
    assert isinstance(found, Census)
    behind = "x.x.x.x" if end.startswith("src") else "192.0.2.1"
    assert [(str(row.key), row.count) for row in found.pairs.rows] == [
        (f"10.0.0.5 -> 198.51.100.1:443/tcp -> {behind}:443", number)
    ]
    assert "masked" in found.gaps[0]


@pytest.mark.more
def test_no_client_is_blamed_for_what_a_mask_hides(tmp_path: Path) -> None:
    half = WAIT.replace("CLOSE_WAIT", "SYN_SENT").replace("[ASSURED] ", "")
    hidden = half.replace("127.0.0.1", "x.x.x.x").replace("6 59", "6 100")
    for number, (text, name) in enumerate(((hidden, "half-open"), (half, "scan"))):
        path = tmp_path / str(number)
        path.write_text(f"{text} use=1\n" * 1000)
        found = census_of_capture(str(path), DEFAULTS)
        assert isinstance(found, Census)
        assert causes(found)[0].name.value == name


@pytest.mark.more
def test_one_reader_behind_every_door(tmp_path: Path) -> None:
    for number, (form, text) in enumerate(FORMS.items()):
        for suffix, pack in (("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(pack(text.encode()))
            named, counted = open_named([str(path)]), census_of_capture(str(path), DEFAULTS)
            assert not isinstance(named, Unreadable), form
            assert not isinstance(counted, Unreadable), form
            assert (named.total, counted.total) == (2, 2), form
            assert (named.gap, counted.gaps) == ("", ()), form
            if number > 2:
                break


@pytest.mark.more
def test_a_packed_file_that_is_cut_is_told(tmp_path: Path) -> None:
    whole = gzip.compress("".join(PLAIN.replace("39010", str(n)) for n in range(9999)).encode())
    (tmp_path / "x").write_bytes(whole[: len(whole) // 2])
    found = census_of_capture(str(tmp_path / "x"), DEFAULTS)
    assert isinstance(found, Census)
    assert any("cut short" in gap for gap in found.gaps)


def test_a_pipe_is_read_by_the_census_too() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, gzip.compress(PLAIN.encode()))
    os.close(write_end)
    try:
        found = census_of_capture(f"/dev/fd/{read_end}", DEFAULTS)
    finally:
        os.close(read_end)
    assert isinstance(found, Census)
    assert found.total == 2


def _mixed(chance: random.Random) -> str:
    """A line of any kind: IPv4 and IPv6, with and without NAT, marks, zones, ports."""
    six = chance.random() < 0.2
    client = f"2001:db8::{chance.randrange(9):x}" if six else f"10.0.0.{chance.randrange(9)}"
    server = f"2001:db8:f::{chance.randrange(9):x}" if six else f"192.0.2.{chance.randrange(5)}"
    behind = chance.choice([server, server, "2001:db8:e::1" if six else "10.9.9.9"])
    seen = chance.choice([client, client, "2001:db8:d::1" if six else "203.0.113.9"])
    port, service = chance.randrange(1024, 1030), chance.choice([53, 443])
    kind = chance.randrange(5)
    head = "ipv6     10 " if six else "ipv4     2 "
    head = head if chance.random() < 0.7 else ""
    tail = f"mark={chance.choice([0, 0, 7])} zone={chance.choice([0, 3])} use=1"
    ports = (f" sport={port} dport={service}", f" sport={service} dport={port}")
    flags = ("", "[ASSURED] ")
    name = chance.choice(["SYN_SENT", "SYN_SENT2", "ESTABLISHED", "TIME_WAIT"])
    what = f"tcp      6 {chance.randrange(500_000)} {name}"
    if kind == 1:
        what = f"udp      17 {chance.randrange(200)}"
    elif kind == 2:
        what, ports, flags = "unknown  89 599", ("", ""), ("[UNREPLIED] ", "")
    elif kind == 3:
        ports = ("  type=8 code=0 id=5"[1:], " type=0 code=0 id=5")
        what, flags = "icmp     1 29", ("", "")
    elif kind == 4:
        what, flags = "tcp      6 ESTABLISHED", ("", "[OFFLOAD] ")
    return (
        f"{head}{what} src={client} dst={server}{ports[0]} {flags[0]}src={behind} dst={seen}"
        f"{ports[1]} {flags[1]}{tail}\n"
    )


@pytest.mark.parametrize("settings", [DEFAULTS, {}])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.more
def test_columns_count_what_the_parser_counts(seed: int, settings: dict[str, int]) -> None:
    chance = random.Random(seed)
    data = "".join(_mixed(chance) for _ in range(3000)).encode()
    quick, each = Tally(settings), Tally(settings)
    columns, reader = TextTally(quick), EntryLines()
    for lines, shapes in reader.blocks([data]):
        columns.add(lines, shapes)
    for entry in Capture().entries([data]):
        each.add(entry)
    assert columns.malformed == 0
    assert census(quick, settings, "x") == census(each, settings, "x")


def test_idle_times_without_timeouts_are_lower_bounds() -> None:
    tally, reader = Tally({}), EntryLines()
    columns = TextTally(tally)
    text = "".join(WAIT.replace("6 59", f"6 {left}") + " use=1\n" for left in range(3000, 3600))
    for lines, shapes in reader.blocks([text.encode()]):
        columns.add(lines, shapes)
    (cell,) = census(tally, {}, "x").cells
    assert tally.ages.largest == {"tcp_timeout_close_wait": 3599}
    assert (sum(count for _, count in cell.idle), cell.beyond) == (600, 0)
    assert cell.idle[0] == (0, 1)
    assert 590 <= cell.idle[-1][0] <= 599


@pytest.mark.parametrize("footers", [1, 2, 3])
def test_more_entries_than_were_counted_are_of_more_than_one_listing(footers: int) -> None:
    size = len(PLAIN.splitlines())
    foot = f"conntrack v1.4.7 (conntrack-tools): {size} flow entries have been shown.\n"
    reader, _ = read((PLAIN * (3 - footers) + (PLAIN + foot) * footers).encode(), 1 << 18)
    told = [gap for gap in reader.gaps() if "more than one listing" in gap]
    assert len(told) == 1


def _rows(count: int, more: str = "", first: int = 0, masked: bool = False) -> str:
    server = "10.x.x.x" if masked else "10.0.0.1"
    client = "192.x.x.x" if masked else "192.0.2.1"
    return "".join(
        f"tcp      6 431999 ESTABLISHED src={client} dst={server} sport={port} dport=443 "
        f"src={server} dst={client} sport=443 dport={port} [ASSURED] mark=0 {more}use=1\n"
        for port in range(1000 + first, 1000 + first + count)
    )


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        (_rows(3000), False),
        (_rows(3000) * 2, True),
        (_rows(3000) + "$ conntrack -L\n" + _rows(2990, first=1), True),  # one has ended
        (_rows(20) * 2, True),
        (_rows(3000, "zone=1 ") + _rows(3000, "zone=2 "), False),
        (_rows(1, masked=True) * 500, False),
        (_rows(3000, "zone=0 ") + _rows(3000), True),  # /proc, and conntrack -L of the same
        (_rows(3000) + _rows(2500, "zone=0 ", first=1), True),
        (_rows(20, "zone=0 ") * 2, True),
        (_rows(3000, "zone=0 ") + _rows(3000, "zone=4 "), False),
        (_rows(3000) + _rows(3000, "zone=4 "), False),
        (_rows(3000) + _rows(3000, "zone-orig=4 "), False),
    ],
)
def test_a_connection_that_is_listed_twice_tells_of_two_listings(text: str, is_told: bool) -> None:
    reader, _ = read(text.encode(), 1 << 16)
    told = [gap for gap in reader.gaps() if "more than one listing" in gap]
    assert bool(told) is is_told
