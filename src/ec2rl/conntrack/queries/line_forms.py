"""What becomes of a conntrack table on its way to us, and what else conntrack(8) prints.

The plain form is a line of `conntrack -L [-o extended,id,ktimestamp,labels]`, of
/proc/net/nf_conntrack, or of /proc/net/ip_conntrack (2.4, 2.6).  Read here too: `-o xml`,
`-o save`, and a line in colours, quoted, numbered, or behind a file's name.  conntrack-tools 1.4.7
was run for each form; libnetfilter_conntrack, snprintf_default.c and snprintf_xml.c.
"""

from __future__ import annotations

import re
from functools import cache

from ec2rl.forms.mend import SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Match, Pattern

LONGEST = 1024
"""Bytes of a line that is an entry; most have some 200."""

TOOLS = b" (conntrack-tools): "
"""What conntrack(8) says begins with its name, its version, and this."""

_HEAD = rb"(?:ipv[46] +\d+ +)?[a-z][\w-]* +\d{1,3}(?= |$)"
_TUPLE = rb" src=[^\s=]+ dst=[^\s=]+"
# Rough, to be fast: what it admits is parsed by whoever wants to know.
_ENTRY = _HEAD + rb"(?: [\w=,]*)*?" + _TUPLE + rb"(?: .*?)?" + _TUPLE + rb"(?:\s.*)?"
_WORD = rb"(?:\[[A-Z_]+\]|\[(?:start|stop)=[\w: ]+\]|[\w-]+=\S+|\[?[\w-]+(?:,[\w-]+)*\]?)"
# Editors and `cat -v` show ESC as two characters.
_COLOURS = (SEQUENCE + "|" + SEQUENCE.replace(r"\x1b", r"\^\[")).encode()
_BLANKS = rb"\t|\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe3\x80\x80"
"""What stands for a blank in what a spreadsheet, a page or a word processor was fed with."""
_MARKS = b" \t\r>|+*`\xef\xbb\xbf"
"""What stands in front of a line that was quoted, indented or fenced, and a byte order mark."""


@cache
def _compiled(pattern: bytes) -> Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


def is_entry(line: bytes) -> bool:
    """Tell whether a line is an entry in the plain form, by its looks."""
    return _is_plain(line) and bool(_compiled(_ENTRY).fullmatch(line))


def entries(line: bytes) -> list[bytes]:
    """Give the entries of a line in any form, in the plain one."""
    if b"<flow" in line:
        return [plain for plain in from_xml(line) if is_entry(plain)]
    plain = line if is_entry(line) else from_save(line)
    return [plain] if is_entry(plain) else []


def _is_plain(line: bytes) -> bool:
    # `in` takes a microsecond: it asks first whether bytes are a number.
    return len(line) <= LONGEST and line.find(TOOLS) == line.find(b"\x1b") == line.find(b"\0") == -1


def begins_entry(line: bytes) -> bool:
    """Tell whether a line begins as an entry does, however it goes on."""
    return bool(_compiled(_HEAD + rb"(?: [\w=,]*)*?(?: src=|$)").match(line))


def tidy(line: bytes) -> bytes:
    """Give a line without what mail, terminals and editors put around it."""
    if b"\x1b" in line or b"^[" in line:
        line = _compiled(_COLOURS).sub(b"", line)
    line = _compiled(_BLANKS).sub(b" ", line).lstrip(_MARKS).rstrip()
    # The name of a file, or a line's number, as grep and cat put there; a stamp of syslog's.
    if len(line) > 2 * LONGEST:
        return line
    found = _compiled(rb".{0,200}?[\s:|](?=" + _HEAD + rb"(?: [\w=,]*)*? src=)").match(line)
    if found and not begins_entry(line) and event(line) is None:
        line = line[found.end() :]
    return line


def goes_on(line: bytes) -> bool:
    """Tell whether a line may be the rest of an entry that was wrapped, within a word maybe."""
    if begins_entry(line) or (b"=" not in line and not line.startswith(b"[")):
        return False
    words = rb"\S{0,40}(?: +" + _WORD + rb")*(?: +\S{1,40})?"
    return bool(_compiled(words).fullmatch(line))


def joined(parts: list[bytes]) -> bytes:
    """Give an entry that was wrapped.

    At a space, as mail does it, or anywhere, as a terminal does.
    """
    best = b" ".join(parts)
    if len(parts) > 1 and not _is_sound(best):
        tight = parts[0]
        for part in parts[1:]:
            loose = tight + b" " + part
            tight = loose if _ends_whole(tight) and _starts_whole(part) else tight + part
        best = tight if _is_sound(tight) else best
    return best


def _is_sound(line: bytes) -> bool:
    """Whether all words from the first address on are fields or flags, and ports come in pairs."""
    _, found, rest = line.partition(b" src=")
    words = (found + rest).split()
    odd = [word for word in words if b"=" not in word and word[:1] != b"["]
    return is_entry(line) and not odd and line.count(b" sport=") == line.count(b" dport=")


def _ends_whole(part: bytes) -> bool:
    return bool(_compiled(rb".*(?:^| )(?:[\w-]+=\S+|\[[A-Z_]+\]|\d+|[A-Z_]+)").fullmatch(part))


def _starts_whole(part: bytes) -> bool:
    return bool(
        _compiled(rb"(?:(?:src|dst|sport|dport|packets|bytes|mark|zone|use|id)=|\[).*").match(part)
    )


def said(line: bytes) -> Match[bytes] | None:
    """Tell what conntrack(8) says at the end, on its other stream: how many, of what, and whose."""
    words = rb"(\d{1,12}) (flow entries|expectations|flow events) have been (\w+)\.\r?$"
    return _compiled(rb"conntrack v\S+ \(conntrack-tools\): " + words).search(line)


def event(line: bytes) -> str | None:
    """Give the event that a line of `conntrack -E` tells of, in whatever form; None for others."""
    found = _compiled(rb"(?:\[\d+\.\d+\]\s+)?\[(NEW|UPDATE|DESTROY)\] ").match(line)
    found = found or _compiled(rb'<flow type="(\w+)"').match(line)
    if found:
        return found[1].decode("ascii", "replace")
    return {b"-U": "UPDATE", b"-D": "DESTROY"}.get(line[:2]) if b" -s " in line else None


def is_expectation(line: bytes) -> bool:
    """Tell whether a line is one of `conntrack -L expect` or /proc/net/nf_conntrack_expect."""
    return b"mask-src=" in line or (b" proto=" in line and b" l3proto " in line)


def opens_flow(line: bytes) -> bool:
    """Tell whether an element of `-o xml` begins in a line, and ends in a later one."""
    return line.rfind(b"<flow") > line.rfind(b"</flow>")


def from_xml(text: bytes) -> list[bytes]:
    """Give the entries of `-o xml` in the plain form."""
    return list(map(_from_flow, _compiled(rb"<flow>.*?</flow>").findall(text)))


def _from_flow(flow: bytes) -> bytes:
    family, protocol, name = (_attribute(flow, of) for of in _HEAD_OF_XML)
    sides = [_compiled(rb'<meta direction="%s">(.*?)</meta>' % of).search(flow) for of in _SIDES]
    if None in sides:
        return b""
    there, back, alone = (side[1] if side else b"" for side in sides)
    words = [b"ipv6     10" if family == b"ipv6" else b"ipv4     2", name or b"unknown", protocol]
    words += [value for of in (b"timeout", b"state") if (value := _element(alone, of))]
    words += [*_fields(there), *([b"[UNREPLIED]"] if b"<unreplied/>" in alone else [])]
    words += _fields(back)
    words += [b"[ASSURED]"] * (b"<assured/>" in alone)
    words += [
        b"%s=%s" % (name, value) for element, name in _ALONE if (value := _element(alone, element))
    ]
    return b" ".join(words)


_HEAD_OF_XML = (
    rb'<layer3[^>]* protoname="(\w+)"',
    rb'<layer4[^>]* protonum="(\d+)"',
    rb'<layer4[^>]* protoname="([\w-]+)"',
)
_SIDES = (b"original", b"reply", b"independent")
_ALONE = (
    (b"mark", b"mark"),
    (b"zone", b"zone"),
    (b"deltatime", b"delta-time"),
    (b"use", b"use"),
    (b"id", b"id"),
)


def _attribute(flow: bytes, pattern: bytes) -> bytes:
    found = _compiled(pattern).search(flow)
    return found[1] if found else b""


def _element(text: bytes, name: bytes) -> bytes:
    return _attribute(text, rb"<%s>([\w.:-]+)</%s>" % (name, name))


def _fields(side: bytes) -> list[bytes]:
    """The fields of one direction, in the order of the plain form."""
    names = (b"src", b"dst", b"sport", b"dport", b"type", b"code", b"packets", b"bytes")
    return [b"%s=%s" % (name, value) for name in names if (value := _element(side, name))]


def from_save(line: bytes) -> bytes:
    """Give a line of `-o save` in the plain form, b"" for one that is none."""
    words = line.split()
    if line[:3] != b"-A " or b"-s" not in words:
        return b""
    found = dict(zip(words, words[1:]))
    protocol = found.get(b"-p", b"")
    number = _PROTOCOLS.get(protocol, protocol if protocol.isdigit() else b"0")
    ports = (
        (b"sport", b"--sport", b"--reply-port-src"),
        (b"dport", b"--dport", b"--reply-port-dst"),
    )
    flags = found.get(b"-u", b"").split(b",")
    plain = [b"ipv6     10" if b":" in found[b"-s"] else b"ipv4     2", protocol, number]
    plain += [found[of] for of in (b"-t", b"--state") if of in found]
    plain += [b"src=" + found[b"-s"], b"dst=" + found.get(b"-d", b"")]
    plain += [b"%s=%s" % (name, found[of]) for name, of, _ in ports if of in found]
    plain += [] if b"SEEN_REPLY" in flags else [b"[UNREPLIED]"]
    plain += [b"src=" + found.get(b"-r", b""), b"dst=" + found.get(b"-q", b"")]
    plain += [b"%s=%s" % (name, found[of]) for name, _, of in ports if of in found]
    plain += [b"[ASSURED]"] * (b"ASSURED" in flags)
    plain += [b"mark=" + found.get(b"-m", b"0")]
    plain += [b"zone=" + found[b"-w"]] if b"-w" in found else []
    return b" ".join(plain)


_PROTOCOLS = {
    b"tcp": b"6", b"udp": b"17", b"icmp": b"1", b"icmpv6": b"58", b"sctp": b"132",
    b"dccp": b"33", b"gre": b"47", b"udplite": b"136",
}  # fmt: skip
