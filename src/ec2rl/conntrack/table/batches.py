"""Entries of a dump by the thousand: which are meant, and as lines, without decoding each.

To decode an entry takes some 30 microseconds, and conntrack(8) needs 8 to print one.  Entries of
one layout (layout.py) are proved alike by one compare each, and then read by one `struct`; what
tells their kind is decoded once.  An entry of no known layout is decoded.
"""

from __future__ import annotations

from itertools import compress
from operator import mod
from struct import Struct

from ec2rl.conntrack.table.entry import (
    GRE,
    ICMP,
    ICMPV6,
    SEEN_REPLY,
    Entry,
    address,
    protocol_name,
    shown_flag,
    state_name,
)
from ec2rl.conntrack.table.filters import Filter, alive, idle_of, kind_by
from ec2rl.conntrack.table.layout import Layout
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.netlink import MalformedError
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ec2rl.conntrack.table.timeouts import Kind

    _Reader = Callable[[bytes], tuple["int | bytes", ...]]

_TOGETHER = 2000
"""Entries that are looked at together: some milliseconds."""
_ADDRESSES, _GROUPS, _LAYOUTS, _KINDS = 50_000, 256, 4, 1024
# CTA_...: where each field of a line stands, and how struct reads it.
_ENDS = (("src", 1, 3), ("dst", 2, 4))
_REST = (
    *(("timeout", (7,), "I"), ("mark", (8,), "I"), ("use", (11,), "I"), ("id", (12,), "I")),
    *(("packets", (9, 1), "Q"), ("bytes", (9, 2), "Q")),
    *(("-packets", (10, 1), "Q"), ("-bytes", (10, 2), "Q")),
)
_CONDITIONS = ("src", "dst", "dport", "mark", "timeout")
_COUNTERS = ("packets", "bytes", "-packets", "-bytes")
_UNREAD = ((5,), (18,), (1, 3), (2, 3))
"""Attributes that are left to the decoder: a helper, and zones."""


@record(frozen=True)
class Known:
    """What the entries of one kind have in common; `line` takes what a form calls its values."""

    kind: Kind
    line: str
    is_wanted: bool
    is_alive: bool


class IdleTimes:
    """Seconds since entries saw a packet, by their kind and the seconds they have left."""

    def __init__(self, settings: Mapping[str, int]) -> None:
        self._settings = settings
        self._known: dict[tuple[str, int | None], int | None] = {}

    def of(self, kind: Known, timeout: int | None) -> int | None:
        """Give it as `idle_of` does."""
        key = kind.line, timeout
        if key not in self._known:
            if len(self._known) > _ADDRESSES:
                self._known.clear()
            self._known[key] = idle_of(kind.kind, timeout, self._settings)
        return self._known[key]


class _Addresses(dict[bytes, str]):
    def __missing__(self, packed: bytes) -> str:
        self[packed] = found = address(packed)
        return found


class _Holds(dict[bytes, bool]):
    """Whether an address is meant."""

    def __init__(self, wanted: Filter, end: str) -> None:
        self._net = wanted.source if end == "src" else wanted.destination

    def __missing__(self, packed: bytes) -> bool:
        found = self._net is None or self._net.holds(packed)
        if len(self) < _ADDRESSES:
            self[packed] = found
        return found


class Form(dict[int, "Known | None"]):
    """How the entries of a layout are read; from a masked entry to its kind, None for no such.

    MalformedError where the entries are to be decoded instead.
    """

    def __init__(self, layout: Layout, wanted: Filter, addresses: Mapping[bytes, str]) -> None:
        places = layout.places
        if any(path in places for path in _UNREAD):
            raise MalformedError("more than is read here")
        self.layout, self.addresses, self._wanted = layout, addresses, wanted
        read = {
            **_flow(layout, 1, ""),
            **_flow(layout, 2, "-"),
            **{name: (places[path], code) for name, path, code in _REST if path in places},
        }
        fields = sorted(read.items(), key=lambda item: item[1][0].start)
        for _, (place, code) in fields:
            if place.stop - place.start != Struct(f">{code}").size:
                raise MalformedError("an attribute of another size")
        self.names = [name for name, _ in fields]
        self.takes_all = True
        """Whether each kind seen until now is meant."""
        counters = [name for name in _COUNTERS if name in self.names]
        if len(counters) not in (0, len(_COUNTERS)):
            raise MalformedError("some counters are missing")
        self._read = read
        self._readers: dict[tuple[str, ...], _Reader] = {}

    def __missing__(self, masked: int) -> Known | None:
        layout = self.layout
        if not layout.fits(masked):
            return None
        body = layout.unmasked(masked)
        status = int.from_bytes(body[layout.status], "big") if layout.status else 0
        state = state_name(layout.protocol, body[layout.state.start]) if layout.state else ""
        kind = kind_by(layout.protocol, state, status)
        is_wanted = self._wanted.admits_kind(layout.protocol, state, status)
        found = Known(kind, self._line(status, state), is_wanted, alive(kind))
        self.takes_all = self.takes_all and found.is_wanted
        if len(self) < _KINDS:
            self[masked] = found
        return found

    def columns(
        self, bodies: Sequence[bytes], names: Iterable[str]
    ) -> dict[str, Sequence[int | bytes]]:
        """Give what stands in those of these fields that the entries have, by its name."""
        wanted = tuple(name for name in self.names if name in names)
        if wanted not in self._readers:
            self._readers[wanted] = self._reader(wanted)
        return dict(zip(wanted, zip(*map(self._readers[wanted], bodies))))

    def _reader(self, names: tuple[str, ...]) -> _Reader:
        form, at = ">", 0
        for place, code in map(self._read.__getitem__, names):
            form += f"{place.start - at}x{code}"
            at = place.stop
        return Struct(form).unpack_from

    @property
    def words(self) -> list[str]:
        """The fields of a line, in its order."""
        return [name for name in _LINE if name in self.names]

    def _line(self, status: int, state: str) -> str:
        """The line of a kind, to be filled in with the values of `words`."""
        protocol, there = self.layout.protocol, self.layout.address_size == 4
        key = "%#x" if protocol == GRE else "%d"
        shown = [
            "ipv4     2" if there else "ipv6     10",
            f"{protocol_name(protocol):8} {protocol}",
        ]
        shown += ["%d"] if "timeout" in self.names else []
        shown += [state.replace("%", "%%")] if state else []
        for side in ("", "-"):
            shown += ["src=%s dst=%s"]
            if f"{side}type" in self.names:
                shown += ["type=%d code=%d id=%d"]
            elif f"{side}sport" in self.names:
                names = ("srckey", "dstkey") if protocol == GRE else ("sport", "dport")
                shown += [f"{name}={key}" for name in names]
            if "packets" in self.names:
                shown += ["packets=%d bytes=%d"]
            shown += ["[UNREPLIED]"] if not side and not status & SEEN_REPLY else []
        shown += [flag] if (flag := shown_flag(status)) else []
        shown += ["mark=%d" if "mark" in self.names else "mark=0"]
        shown += [f"{name}=%d" for name in ("use", "id") if name in self.names]
        return " ".join(shown)


_SIDE = ("src", "dst", "type", "code", "icmp-id", "sport", "dport", "packets", "bytes")
_LINE = ("timeout", *_SIDE, *(f"-{name}" for name in _SIDE), "mark", "use", "id")


def _flow(layout: Layout, root: int, side: str) -> dict[str, tuple[slice, str]]:
    """The fields of a direction. MalformedError where one is missing that a line tells."""
    places, size = layout.places, layout.address_size
    found = {}
    for name, four, six in _ENDS:
        place = places.get((root, 1, four if size == 4 else six))
        if place is None:
            raise MalformedError("an address is missing")
        found[f"{side}{name}"] = place, f"{size}s"
    first = {ICMP: 4, ICMPV6: 7}.get(layout.protocol, 0)
    names = (
        (("icmp-id", "H"), ("type", "B"), ("code", "B"))
        if first
        else (("sport", "H"), ("dport", "H"))
    )
    paths = [(root, 2, (first or 2) + at) for at in range(len(names))]
    others = [(root, 2, kind) for kind in range(2, 10) if (root, 2, kind) not in paths]
    present = [path in places for path in paths]
    if any(other in places for other in others) or any(present) != all(present):
        raise MalformedError("ports of another kind")
    if present[0]:
        found.update({f"{side}{n}": (places[p], code) for (n, code), p in zip(names, paths)})
    return found


@record(frozen=True)
class Batch:
    """Entries of one layout that are meant, as their kinds and their bytes."""

    form: Form
    kinds: Sequence[Known]
    bodies: Sequence[bytes]

    def columns(self, *names: str) -> dict[str, Sequence[int | bytes]]:
        """Give what stands in those of these fields that the entries have, by its name."""
        return self.form.columns(self.bodies, names)

    def lines(self) -> list[str]:
        """Give them as lines."""
        words, text_of = self.form.words, self.form.addresses.__getitem__
        columns = self.columns(*words)
        values = [
            map(text_of, columns[name])  # type: ignore[arg-type]
            if name.lstrip("-") in ("src", "dst")
            else columns[name]
            for name in words
        ]
        return list(map(mod, [kind.line for kind in self.kinds], zip(*values)))

    def entry(self, at: int) -> Entry:
        """Decode one of them. MalformedError."""
        return decode(self.bodies[at][:-TRAIL])


@record(frozen=True)
class Sifted:
    """Of `seen` entries those that are meant: by layout, or decoded."""

    batches: list[Batch]
    entries: list[Entry]
    seen: int


class _Groups(dict[int, list[bytes]]):
    """Entries by length and protocol, where most have it: those of one layout are in one."""

    def __missing__(self, key: int) -> list[bytes]:
        return self.setdefault(key, [])


class Sieve:
    """Takes the bodies of a dump (`Stream.bodies`), and gives those that a filter means."""

    def __init__(self, wanted: Filter, settings: Mapping[str, int]) -> None:
        self.malformed = 0
        self._wanted, self._settings, self._addresses = wanted, settings, _Addresses()
        self._forms: dict[int, list[Form]] = {}
        self._holds = {end: _Holds(wanted, end) for end in ("src", "dst")}
        self._idle = IdleTimes(settings)

    def sift(self, pieces: Iterable[list[bytes]]) -> Iterator[Sifted]:
        """Yield what is meant of some thousand entries each."""
        waiting: list[bytes] = []
        for bodies in pieces:
            waiting += bodies
            if len(waiting) >= _TOGETHER:
                yield self._sift(waiting)
                waiting = []
        yield self._sift(waiting)

    def _sift(self, bodies: list[bytes]) -> Sifted:
        if len(self._addresses) > _ADDRESSES:
            self._addresses.clear()
        groups = _Groups()
        for body in bodies:
            try:
                groups[len(body) << 8 | body[36]].append(body)
            except IndexError:
                self.malformed += 1
        batches: list[Batch] = []
        each: list[Entry] = []
        for key, group in groups.items():
            each += self._decoded(self._alike(key, group, batches))
        return Sifted(batches, each, len(bodies))

    def _alike(self, key: int, bodies: list[bytes], batches: list[Batch]) -> list[bytes]:
        """Sort in those of known layouts, and give back the others."""
        if len(self._forms) > _GROUPS:
            self._forms.clear()
        forms = self._forms.setdefault(key, [])
        tried = 0
        while bodies:
            if tried == len(forms):
                if tried == _LAYOUTS:
                    break
                try:
                    forms.append(Form(Layout(bodies[0][:-TRAIL]), self._wanted, self._addresses))
                except MalformedError:
                    break
            form = forms[tried]
            tried += 1
            kinds = list(map(form.__getitem__, form.layout.masked(bodies)))
            batches += self._meant(form, kinds, bodies)
            bodies = [] if all(kinds) else [b for b, kind in zip(bodies, kinds) if kind is None]
        return bodies

    def _decoded(self, bodies: list[bytes]) -> Iterator[Entry]:
        for body in bodies:
            try:
                entry = decode(body[:-TRAIL])
            except MalformedError:
                self.malformed += 1
            else:
                if self._wanted.admits(entry, self._settings):
                    yield entry

    def _meant(
        self, form: Form, kinds: Sequence[Known | None], bodies: list[bytes]
    ) -> Iterator[Batch]:
        """Yield those that the filter means, if any."""
        if not (form.takes_all and all(kinds)):
            chosen = [kind is not None and kind.is_wanted for kind in kinds]
            kinds, bodies = list(compress(kinds, chosen)), list(compress(bodies, chosen))
        known: Sequence[Known] = kinds  # type: ignore[assignment]
        if bodies and not self._wanted.by_kind_alone:
            which = self._which(form, known, bodies)
            known, bodies = list(compress(known, which)), list(compress(bodies, which))
        if bodies:
            yield Batch(form, known, bodies)

    def _which(self, form: Form, kinds: Sequence[Known], bodies: list[bytes]) -> list[bool]:
        """Tell of each entry whether all conditions hold that its kind does not decide."""
        wanted, number = self._wanted, len(bodies)
        never = [None] * number
        columns = form.columns(bodies, _CONDITIONS)
        tests: list[list[bool]] = []
        if wanted.source is not None:
            tests.append([self._holds["src"][each] for each in columns["src"]])  # type: ignore[index]
        if wanted.destination is not None:
            tests.append([self._holds["dst"][each] for each in columns["dst"]])  # type: ignore[index]
        if wanted.port is not None:
            tests.append([each == wanted.port for each in columns.get("dport", never)])
        if wanted.mark is not None:
            tests.append([each == wanted.mark for each in columns.get("mark", [0] * number)])
        if wanted.zone is not None:  # of entries without one
            tests.append([wanted.zone == 0] * number)
        if wanted.idle_over is not None:
            times = columns.get("timeout", never)
            idle = map(self._idle.of, kinds, times)  # type: ignore[arg-type]
            tests.append([each is not None and each >= wanted.idle_over for each in idle])
        return list(map(all, zip(*tests)))
