"""A table as text: /proc/net/nf_conntrack, or what `conntrack -L [-o extended]` printed.

Fields are found by name: the seconds and the state are left out for offloaded entries, and
which others are there depends on the kernel and on options (print_tuple and ct_seq_show,
nf_conntrack_standalone.c; snprintf_default.c of libnetfilter_conntrack).
"""

from __future__ import annotations

from ec2rl.conntrack.queries.entry_lines import EntryLines
from ec2rl.conntrack.queries.line_forms import LONGEST
from ec2rl.conntrack.table.entry import (
    ASSURED,
    DST_NAT,
    HW_OFFLOAD,
    ICMP,
    ICMPV6,
    OFFLOAD,
    SEEN_REPLY,
    SRC_NAT,
    STATES,
    Entry,
    Flow,
    label,
    packed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_FLAGS = {
    "[ASSURED]": ASSURED,
    "[OFFLOAD]": OFFLOAD | ASSURED,
    "[HW_OFFLOAD]": HW_OFFLOAD | OFFLOAD | ASSURED,
}
_WORD, _LONG = (1 << 32) - 1, (1 << 64) - 1


class Capture:
    """Reads a text in pieces of any size, an entry at a time; `lines` has the account of it."""

    def __init__(self) -> None:
        self.lines = EntryLines()
        self.malformed = 0

    def entries(self, pieces: Iterable[bytes]) -> Iterator[Entry]:
        """Yield the entries in their order; lines that are none are counted, and left out."""
        for lines, _ in self.lines.blocks(pieces):
            for line in lines:
                try:
                    yield parse_line(line)
                except ValueError:
                    self.malformed += 1

    def gaps(self) -> tuple[str, ...]:
        """Tell what stands between this text and a whole table, in words."""
        return self.lines.gaps() + undecoded(self.malformed)


def masked(number: int) -> tuple[str, ...]:
    """Tell what is to be said of entries whose addresses somebody masked."""
    what = (
        "the addresses of 1 entry are" if number == 1 else f"the addresses of {number} entries are"
    )
    return (f"{what} masked: what is told as one may be many",) if number else ()


def undecoded(number: int) -> tuple[str, ...]:
    """Tell what is to be said of lines that look like entries, and are none."""
    what = "1 entry" if number == 1 else f"{number} entries"
    return (f"{what} could not be decoded",) if number else ()


def parse_line(line: bytes) -> Entry:
    """Parse one line of text as an entry; ValueError if it is none.

    NAT is told from the reply, which mirrors the original where none is done.
    """
    if len(line) > LONGEST:
        raise ValueError("too long")
    head, *sides = line.decode("ascii").split(" src=")
    if len(sides) != 2:
        raise ValueError("not two tuples")
    protocol, timeout, state = _head(head.split())
    (there, _), (back, ids) = map(_fields, sides)
    ends = _ends(there, back)
    original = _flow(there, protocol, ends[:2], "zone-orig")
    reply = _flow(back, protocol, ends[2:], "zone-reply")
    status = _translation(original, reply)
    if "[UNREPLIED]" not in there:
        status |= SEEN_REPLY
    for flag, bits in _FLAGS.items():
        if flag in back:
            status |= bits
    return Entry(
        original,
        reply,
        status,
        timeout,
        state,
        _natural(back.get("mark", "0"), _WORD),
        _natural(back.get("zone", "0"), 0xFFFF) or None,  # /proc has zone=0 for no zone
        # ICMP has an id of its own, which stands in front of the entry's.
        _maybe(next(iter(ids[1:] if original.icmp else ids), None), _WORD),
        _maybe(back.get("use"), _WORD),
        _both(there, back, "packets"),
        _both(there, back, "bytes"),
        age=_maybe(back.get("delta-time"), _LONG),
        helper=back.get("helper", ""),
    )


def _head(words: list[str]) -> tuple[int, int | None, str]:
    """Protocol, seconds left, and state, from the words in front of the tuples."""
    if words and words[0] in ("ipv4", "ipv6"):
        del words[:2]
    if len(words) < 2:
        raise ValueError("no protocol")
    protocol = _natural(words[1], 255)
    timeout, state = None, ""
    for word in words[2:]:
        if word.isdecimal():
            timeout = _natural(word, _WORD)
        elif word in STATES.get(protocol, ()):
            state = word
    return protocol, timeout, state


def _fields(side: str) -> tuple[dict[str, str], list[str]]:
    """The fields of a tuple and of what follows it, and all that are called id.

    Of two fields with the same name the first counts; the source has lost its name.
    """
    pairs = [word.partition("=")[::2] for word in f"src={side}".split()]
    ids = [value for name, value in pairs if name == "id"]
    pairs.reverse()
    return dict(pairs), ids


def _flow(side: dict[str, str], protocol: int, ends: Sequence[bytes], zone: str) -> Flow:
    source, destination = ends
    icmp = None
    if protocol in (ICMP, ICMPV6) and "type" in side:
        icmp = (
            _natural(side["type"], 255),
            _natural(side.get("code", "0"), 255),
            _natural(side.get("id", "0"), 0xFFFF),
        )
    return Flow(
        source,
        destination,
        protocol,
        _port(side, "sport", "srckey"),
        _port(side, "dport", "dstkey"),
        icmp,
        _maybe(side.get(zone), 0xFFFF),
    )


def _ends(there: Mapping[str, str], back: Mapping[str, str]) -> list[bytes]:
    """Source and destination of both, of one family; where any was masked, what stands for all."""
    ends = [there["src"], there.get("dst", ""), back["src"], back.get("dst", "")]
    try:
        found = list(map(packed, ends))
    except ValueError:
        found = list(map(label, ends))
    if len(set(map(len, found))) > 1:
        raise ValueError("addresses of two families")
    return found


def _port(side: dict[str, str], name: str, key: str) -> int | None:
    if key in side:  # GRE, in hexadecimal
        digits = side[key]
        if not digits.startswith("0x") or len(digits) > 6 or "_" in digits:
            raise ValueError(f"{key}={digits}")
        return int(digits, 16)
    return _maybe(side.get(name), 0xFFFF)


def _translation(there: Flow, back: Flow) -> int:
    status = 0
    if (there.source, there.source_port) != (back.destination, back.destination_port):
        status |= SRC_NAT
    if (there.destination, there.destination_port) != (back.source, back.source_port):
        status |= DST_NAT
    return status


def _both(there: dict[str, str], back: dict[str, str], name: str) -> tuple[int, int] | None:
    if name not in there or name not in back:
        return None
    return _natural(there[name], _LONG), _natural(back[name], _LONG)


def _maybe(text: str | None, most: int) -> int | None:
    return None if text is None else _natural(text, most)


def _natural(text: str, most: int) -> int:
    if not text.isdecimal() or len(text) > 20 or int(text) > most:
        raise ValueError(f"{text} is no number up to {most}")
    return int(text)
