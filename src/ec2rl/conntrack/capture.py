"""A table as text: /proc/net/nf_conntrack, or what `conntrack -L [-o extended]` printed.

Fields are found by name: the seconds and the state are left out for offloaded entries, and
which others are there depends on the kernel and on options (print_tuple and ct_seq_show,
nf_conntrack_standalone.c; snprintf_default.c of libnetfilter_conntrack).
"""

from __future__ import annotations

from ec2rl.conntrack.entry import (
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
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LONGEST = 4096
_FLAGS = {
    "[ASSURED]": ASSURED,
    "[OFFLOAD]": OFFLOAD | ASSURED,
    "[HW_OFFLOAD]": HW_OFFLOAD | OFFLOAD | ASSURED,
}
_WORD, _LONG = (1 << 32) - 1, (1 << 64) - 1


class Capture:
    """Reads a text in pieces of any size; `others` counts lines that are no entry."""

    def __init__(self) -> None:
        self.others = 0
        self.cut = False

    def entries(self, pieces: Iterable[bytes]) -> Iterator[Entry]:
        """The entries in their order; lines that are none are counted, and left out."""
        rest = b""
        for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            yield from self._parsed(lines)
            if len(rest) > _LONGEST:  # no line of ours: keep so much that it fails as one
                rest = rest[:_LONGEST] + b"\0"
        if rest:
            # Cut in a number, it would parse, and be wrong.
            self.cut = True

    def _parsed(self, lines: list[bytes]) -> Iterator[Entry]:
        for line in lines:
            try:
                yield parse_line(line)
            except ValueError:
                self.others += 1

    def gaps(self) -> tuple[str, ...]:
        """What stands between this text and a whole table, in words."""
        said = []
        if self.others:
            said.append(f"{self.others} lines are no entries")
        if self.cut:
            said.append("the last line is cut off")
        return tuple(said)


def parse_line(line: bytes) -> Entry:
    """One line of text as an entry; ValueError if it is none.

    NAT is told from the reply, which mirrors the original where none is done.
    """
    if len(line) > _LONGEST:
        raise ValueError("too long")
    words = line.decode("ascii").split()
    if words and words[0] in ("ipv4", "ipv6"):
        del words[:2]
    if len(words) < 4:
        raise ValueError("too short")
    protocol = _natural(words[1], 255)
    timeout, state, status = None, "", SEEN_REPLY
    sides: list[dict[str, str]] = []
    last: dict[str, str] = {}
    for word in words[2:]:
        name, equals, value = word.strip("[]" if "=" in word else "").partition("=")
        if not equals:
            if word == "[UNREPLIED]":
                status &= ~SEEN_REPLY
            elif word in _FLAGS:
                status |= _FLAGS[word]
            elif not sides and word.isdecimal():
                timeout = _natural(word, _WORD)
            elif not sides and word in STATES.get(protocol, ()):
                state = word
        elif name == "src":
            sides.append({name: value})
        elif (
            sides
            and name not in sides[-1]
            and (name in _SIDE or (name == "id" and "type" in sides[-1]))
        ):
            sides[-1][name] = value
        else:
            last[name] = value
    if len(sides) != 2:
        raise ValueError("not two tuples")
    original, reply = (
        _flow(sides[0], protocol, "zone-orig"),
        _flow(sides[1], protocol, "zone-reply"),
    )
    status |= _translation(original, reply)
    return Entry(
        original,
        reply,
        status,
        timeout,
        state,
        _natural(last.get("mark", "0"), _WORD),
        _natural(last.get("zone", "0"), 0xFFFF),
        _maybe(last.get("id"), _WORD),
        _maybe(last.get("use"), _WORD),
        _both(sides, "packets"),
        _both(sides, "bytes"),
        age=_maybe(last.get("delta-time"), _LONG),
        helper=last.get("helper", ""),
    )


_SIDE = frozenset(
    (
        "dst",
        "sport",
        "dport",
        "srckey",
        "dstkey",
        "type",
        "code",
        "packets",
        "bytes",
        "zone-orig",
        "zone-reply",
    )
)


def _flow(side: dict[str, str], protocol: int, zone: str) -> Flow:
    from _socket import AF_INET, AF_INET6, inet_pton

    family = AF_INET6 if ":" in side["src"] else AF_INET
    try:
        source, destination = inet_pton(family, side["src"]), inet_pton(family, side["dst"])
    except (OSError, KeyError) as error:
        raise ValueError("no addresses") from error
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


def _both(sides: list[dict[str, str]], name: str) -> tuple[int, int] | None:
    if not all(name in side for side in sides):
        return None
    return _natural(sides[0][name], _LONG), _natural(sides[1][name], _LONG)


def _maybe(text: str | None, most: int) -> int | None:
    return None if text is None else _natural(text, most)


def _natural(text: str, most: int) -> int:
    if not text.isdecimal() or len(text) > 20 or int(text) > most:
        raise ValueError(f"{text} is no number up to {most}")
    return int(text)
