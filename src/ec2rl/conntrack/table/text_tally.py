"""Counts the entries of a text column by column, some thousand lines of one shape at a time.

What each line of a shape has at the same place is split off by the interpreter's C code, and each
different word is read once.  Lines that this does not fit are parsed one by one (capture.py), so
that speed never decides what is counted.
"""

from __future__ import annotations

import re
from _socket import AF_INET, AF_INET6, inet_pton
from itertools import compress
from operator import ne, or_

from ec2rl.conntrack.table.capture import parse_line
from ec2rl.conntrack.table.entry import DST_NAT, LABEL, SRC_NAT, Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ec2rl.conntrack.table.tally import Tally

    Column = Sequence[bytes]
    Split = Callable[[bytes], list[bytes]]

_FEW = 8
"""Lines of a shape below which it is not worth its while to split columns."""
_ADDRESSES, _PLANS = 20_000, 2000
_NAMES = ("src", "dst", "sport", "dport", "mark", "zone")
"""The fields that are read by column."""
_NUMBERS = (("dport", 2), ("-sport", 2), ("-mark", 4), ("-zone", 2))
"""Those that are counted as numbers, with their bytes; a minus is for the answer's."""
_UNREAD = ("srckey", "type", "zone-orig", "zone-reply")
"""Fields that are counted as well, and seldom enough to be left to the parser."""
_NAT = SRC_NAT | DST_NAT
_LARGEST = (1 << 32) - 1


class TextTally:
    """Feeds a text's entries to a `Tally`; `malformed` lines look like entries, and are none.

    `masked` entries have something else in the place of an address.
    """

    def __init__(self, tally: Tally) -> None:
        self.malformed = self.masked = 0
        self._tally = tally
        self._plans: dict[bytes, _Plan | None] = {}
        self._addresses = _Addresses()

    def add(self, lines: Sequence[bytes], shapes: Sequence[bytes]) -> None:
        """Count lines of the plain form; each has its shape (entry_lines.py)."""
        groups: dict[bytes, list[bytes]] = {}
        for line, shape in zip(lines, shapes):
            try:
                groups[shape].append(line)
            except KeyError:
                groups[shape] = [line]
        for shape, alike in groups.items():
            if len(alike) < _FEW or not self._add_alike(shape, alike):
                self._add_each(alike)

    def _add_each(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            try:
                entry = parse_line(line)
            except ValueError:
                self.malformed += 1
            else:
                self.masked += len(entry.original.source) == LABEL
                self._tally.add(entry)

    def _add_alike(self, shape: bytes, lines: list[bytes]) -> bool:
        """Count lines of one shape; False, and none is counted, where a column has a surprise."""
        plan = self._plan(shape, lines[0])
        columns = None if plan is None else plan.columns(lines)
        if plan is None or columns is None:
            return False
        moved = (
            _differ(_end(columns, "src", "sport"), _end(columns, "-dst", "-dport")),
            _differ(_end(columns, "dst", "dport"), _end(columns, "-src", "-sport")),
        )
        ends = zip(("-dst", "-src"), moved)
        names = ["src", "dst", *(name for name, differs in ends if differs is not None)]
        try:
            read = {name: self._packed(columns[name]) for name in names}
            for name, octets in _NUMBERS:
                if name in columns:
                    read[name] = _numbers(columns[name], octets)
            times = list(map(int, columns.get("", ())))
        except (OSError, ValueError, OverflowError):
            return False
        sizes = [self._addresses.sizes]
        if len(sizes[0]) > 1:  # IPv4 and IPv6 look alike
            sizes = [set(map(len, read[name])) for name in names]
        if len(sizes[0]) > 1:
            of = list(map(len, read["src"]))
            for one in sizes[0]:
                some = [line for line, size in zip(lines, of) if size == one]
                if not self._add_alike(shape, some):
                    self._add_each(some)
            return True
        if sizes.count(sizes[0]) < len(sizes) or max(times, default=0) > _LARGEST:
            return False
        self._count(plan, len(lines), moved, read, times)
        return True

    def _plan(self, shape: bytes, line: bytes) -> _Plan | None:
        if shape not in self._plans:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[shape] = _planned(line)
        return self._plans[shape]

    def _count(
        self,
        plan: _Plan,
        number: int,
        moved: tuple[list[bool] | None, list[bool] | None],
        read: dict[str, list[bytes]],
        times: list[int],
    ) -> None:
        """Count entries by what NAT does to them."""
        if moved == (None, None):
            self._add_columns(plan, 0, number, read, times)
            return
        never = [False] * number
        both = list(zip(*(each or never for each in moved)))
        for source, destination in set(both):
            chosen = [each == (source, destination) for each in both]
            some = {name: list(compress(column, chosen)) for name, column in read.items()}
            bits = SRC_NAT * source | DST_NAT * destination
            self._add_columns(plan, bits, sum(chosen), some, list(compress(times, chosen)))

    def _add_columns(
        self, plan: _Plan, bits: int, number: int, read: dict[str, list[bytes]], times: list[int]
    ) -> None:
        """Count as `Tally.add` does, of many entries at once."""
        tally, seen = self._tally, plan.entry
        prefix = tally.prefix(seen.original.protocol, seen.state, seen.status & ~_NAT | bits)
        tally.total += number
        tally.entries[prefix] += number
        tally.ages.add(prefix, times)
        names = ("src", "dst", "dport", *(("-src", "-sport") if bits & DST_NAT else ()))
        pair = [read[name] for name in names if name in read]
        tally.endpoints[len(pair[0][0])].update_columns(prefix, *pair)
        for name, hitters in (("-mark", tally.marks), ("-zone", tally.zones)):
            values = [value for value in read.get(name, ()) if any(value)]
            if values:
                hitters.update(map(prefix.__add__, values))

    def _packed(self, column: Column) -> list[bytes]:
        """The bytes of addresses. OSError, ValueError where one is none."""
        if len(self._addresses) > _ADDRESSES:
            self._addresses.clear()
        return list(map(self._addresses.__getitem__, column))


class _Addresses(dict[bytes, bytes]):
    """From the text of an address to its bytes. OSError, ValueError where it is none.

    `sizes` are all that there were: one alone is the size of each.
    """

    def __init__(self) -> None:
        self.sizes: set[int] = set()

    def __missing__(self, text: bytes) -> bytes:
        address = text.decode("ascii")
        packed = self[text] = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
        self.sizes.add(len(packed))
        return packed


def _numbers(column: Column, octets: int) -> list[bytes]:
    """The bytes of numbers. ValueError, OverflowError where one is none, or too large."""
    if column.count(column[0]) == len(column):
        return [int(column[0]).to_bytes(octets, "big")] * len(column)
    known = {each: int(each).to_bytes(octets, "big") for each in set(column)}
    return list(map(known.__getitem__, column))


def _end(columns: dict[str, Column], address: str, port: str) -> list[Column]:
    """One end of the connections, as text: an address, and a port where there is one."""
    return [columns[name] for name in (address, port) if name in columns]


def _differ(one: list[Column], other: list[Column]) -> list[bool] | None:
    """For each entry, whether two ends differ; None where all are the same, or none is told."""
    if not other or one == other:
        return None
    found = [map(ne, a, b) for a, b in zip(one, other)]
    return list(found[0] if len(found) == 1 else map(or_, *found))


class _Plan:
    """How the lines that look like one of them, `entry`, are read."""

    def __init__(self, entry: Entry, words: list[str], gaps: list[str]) -> None:
        """Take what it is made of: words, and what stands behind each of them."""
        self.entry = entry
        self._forms = [_form(words, gaps, mirrored) for mirrored in (True, False)]

    def columns(self, lines: list[bytes]) -> dict[str, Column] | None:
        """What stands in each field, as text, by its name; None where the lines are not all alike.

        The answer's names have a minus in front, the seconds that are left have none.  While all
        answers mirror their originals, and all marks and zones are 0, these have no columns.
        """
        text = b"\n".join(lines)
        while True:
            names, split = self._forms[0]
            # What stands between two lines, and the fields of one, in turn: flat, which saves a
            # fifth of the time that a tuple for each line takes.
            found, step = split(text), len(names) + 1
            if len(found) == step * len(lines) + 1 and _between(found, step):
                return {name: found[at::step] for at, name in enumerate(names, 1)}
            if len(self._forms) == 1:
                return None
            del self._forms[0]


def _between(found: list[bytes], step: int) -> bool:
    """Whether nothing but the ends of lines stands between what was found."""
    between = found[::step]
    return not (between[0] or between[-1]) and set(between[1:-1]) <= {b"\n"}


def _planned(line: bytes) -> _Plan | None:
    """The plan of the lines that look like this one; None where they are left to the parser."""
    try:
        entry = parse_line(line)
    except ValueError:
        return None
    text = line.decode("ascii")
    words, gaps = text.split(), re.findall(" +", text.strip())
    names = [word.partition("=")[0] for word in words]
    ports = names.count("sport"), names.count("dport")
    if ports not in ((0, 0), (2, 2)) or any(name in names for name in _UNREAD):
        return None
    gaps.append(text[len(text.rstrip()) :])
    return _Plan(entry, words, gaps) if len(gaps) == len(words) else None


_MIRROR = {"-src": "dst", "-dst": "src", "-sport": "dport", "-dport": "sport"}


def _form(words: list[str], gaps: list[str], mirrored: bool) -> tuple[list[str], Split]:
    """The names of the columns of a line, and what finds them in lines that look like it."""
    first, second = (at for at, word in enumerate(words) if word.startswith("src="))
    head = 2 if words[0] in ("ipv4", "ipv6") else 0
    seconds = [at for at in range(head + 2, first) if words[at].isdecimal()][-1:]
    names: list[str] = []
    known: set[str] = set()
    parts = [r"ipv[46]", r"\d+"][:head]
    for at, word in enumerate(words[head:], head):
        any_but = r"[^ ]" if at < len(words) - 1 else r"[^ \n]"  # the former is the faster one
        name, equals, _ = word.partition("=")
        field = f"-{name}" if at >= second else name
        counted = bool(equals) and at >= first and name in _NAMES and field not in known
        known.add(field)
        if at in seconds:
            names.append("")
            parts.append("([^ ]+)")
        elif counted and mirrored and field in _MIRROR:
            parts.append(rf"{name}=\{names.index(_MIRROR[field]) + 1}")
        elif counted and mirrored and name in ("mark", "zone"):
            parts.append(f"{name}=0")
        elif counted:
            names.append(field)
            parts.append(f"{name}=({any_but}+)")
        elif equals:
            parts.append(f"{re.escape(name)}={any_but}*")
        elif at < first:  # the protocol's name and number, and the state
            parts.append(re.escape(word))
        else:  # flags, and what else a stamp is made of
            pieces = re.split("[0-9a-f.:]+", word)
            parts.append("[0-9a-f.:]*".join(map(re.escape, pieces)))
    pattern = "".join(part + gap for part, gap in zip(parts, gaps))
    return names, re.compile(pattern.encode()).split
