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
from ec2rl.conntrack.table.filters import Filter, idle_of, kind_by
from ec2rl.conntrack.table.layout import Layout
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.netlink import MalformedError
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ec2rl.conntrack.table.timeouts import Kind

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
_COUNTERS = ("packets", "bytes", "-packets", "-bytes")
_UNREAD = ((5,), (18,), (1, 3), (2, 3))
"""Attributes that are left to the decoder: a helper, and zones."""


@record(frozen=True)
class Known:
    """What the entries of one kind have in common; `line` takes what a form calls its values."""

    kind: Kind
    line: str
    is_wanted: bool


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
        form, at = ">", 0
        for _, (place, code) in fields:
            size = int(code[:-1]) if code[-1] == "s" else Struct(f">{code}").size
            if place.stop - place.start != size:
                raise MalformedError("an attribute of another size")
            form += f"{place.start - at}x{code}"
            at = place.stop
        self.names = [name for name, _ in fields]
        counters = [name for name in _COUNTERS if name in self.names]
        if len(counters) not in (0, len(_COUNTERS)):
            raise MalformedError("some counters are missing")
        self._unpack = Struct(form).unpack_from

    def __missing__(self, masked: int) -> Known | None:
        layout = self.layout
        if not layout.fits(masked):
            return None
        body = layout.unmasked(masked)
        status = int.from_bytes(body[layout.status], "big") if layout.status else 0
        state = state_name(layout.protocol, body[layout.state.start]) if layout.state else ""
        kind = kind_by(layout.protocol, state, status)
        line = self._line(status, state)
        found = Known(kind, line, self._wanted.admits_kind(layout.protocol, state, status))
        if len(self) < _KINDS:
            self[masked] = found
        return found

    def columns(self, bodies: Sequence[bytes]) -> dict[str, Sequence[int | bytes]]:
        """Give what stands in each field of these entries, by its name."""
        return dict(zip(self.names, zip(*map(self._unpack, bodies))))

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
    """Entries of one layout that are meant: their places among all, kinds, and bytes."""

    form: Form
    places: Sequence[int]
    kinds: Sequence[Known]
    bodies: Sequence[bytes]
    columns: Mapping[str, Sequence[int | bytes]]

    def lines(self) -> Iterator[tuple[int, str]]:
        """Give them as lines, each with its place."""
        text_of = self.form.addresses.__getitem__
        values = [
            map(text_of, self.columns[name])  # type: ignore[arg-type]
            if name.lstrip("-") in ("src", "dst")
            else self.columns[name]
            for name in self.form.words
        ]
        return zip(self.places, map(mod, [kind.line for kind in self.kinds], zip(*values)))

    def entry(self, at: int) -> Entry:
        """Decode one of them. MalformedError."""
        return decode(self.bodies[at][:-TRAIL])


@record(frozen=True)
class Sifted:
    """Of `seen` entries those that are meant: by layout, or decoded, each with its place."""

    batches: list[Batch]
    entries: list[tuple[int, Entry]]
    seen: int


class Sieve:
    """Takes the bodies of a dump (`Stream.bodies`), and gives those that a filter means."""

    def __init__(self, wanted: Filter, settings: Mapping[str, int]) -> None:
        self.malformed = 0
        self._wanted, self._settings, self._addresses = wanted, settings, _Addresses()
        self._forms: dict[tuple[int, int], list[Form]] = {}
        self._holds = {end: _Holds(wanted, end) for end in ("src", "dst")}
        self._idle: dict[tuple[Kind, int], bool] = {}

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
        groups: dict[tuple[int, int], list[int]] = {}
        for at, body in enumerate(bodies):
            try:
                groups.setdefault((len(body), body[36]), []).append(at)
            except IndexError:
                self.malformed += 1
        batches: list[Batch] = []
        each: list[tuple[int, Entry]] = []
        for key, places in groups.items():
            rest = self._alike(key, places, bodies, batches)
            each += self._decoded(rest, bodies)
        return Sifted(batches, each, len(bodies))

    def _alike(
        self, key: tuple[int, int], places: list[int], bodies: list[bytes], batches: list[Batch]
    ) -> list[int]:
        """Sort in those of known layouts, and give back where the others stand."""
        if len(self._forms) > _GROUPS:
            self._forms.clear()
        forms = self._forms.setdefault(key, [])
        tried = 0
        while places:
            if tried == len(forms):
                if tried == _LAYOUTS:
                    break
                try:
                    forms.append(
                        Form(Layout(bodies[places[0]][:-TRAIL]), self._wanted, self._addresses)
                    )
                except MalformedError:
                    break
            form = forms[tried]
            tried += 1
            some = [bodies[at] for at in places]
            kinds = list(map(form.__getitem__, form.layout.masked(some)))
            batch = self._meant(form, places, kinds, some)
            if batch is not None:
                batches.append(batch)
            places = [at for at, kind in zip(places, kinds) if kind is None]
        return places

    def _decoded(self, places: Sequence[int], bodies: list[bytes]) -> Iterator[tuple[int, Entry]]:
        for at in places:
            try:
                entry = decode(bodies[at][:-TRAIL])
            except MalformedError:
                self.malformed += 1
            else:
                if self._wanted.admits(entry, self._settings):
                    yield at, entry

    def _meant(
        self, form: Form, places: list[int], kinds: list[Known | None], bodies: list[bytes]
    ) -> Batch | None:
        """Those that the filter means; None for none."""
        chosen = [kind is not None and kind.is_wanted for kind in kinds]
        if not any(chosen):
            return None
        known = [kind for kind in compress(kinds, chosen) if kind is not None]
        places, bodies = list(compress(places, chosen)), list(compress(bodies, chosen))
        columns = form.columns(bodies)
        if self._wanted.by_kind_alone:
            return Batch(form, places, known, bodies, columns)
        which = self._which(known, columns, len(bodies))
        if not any(which):
            return None
        return Batch(
            form,
            list(compress(places, which)),
            list(compress(known, which)),
            list(compress(bodies, which)),
            {name: list(compress(column, which)) for name, column in columns.items()},
        )

    def _which(
        self, kinds: list[Known], columns: Mapping[str, Sequence[int | bytes]], number: int
    ) -> list[bool]:
        """Tell of each entry whether all conditions hold that its kind does not decide."""
        wanted, never = self._wanted, [None] * number
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
            tests.append([self._is_idle(k.kind, t) for k, t in zip(kinds, times)])  # type: ignore[arg-type]
        return list(map(all, zip(*tests)))

    def _is_idle(self, kind: Kind, timeout: int | None) -> bool:
        if timeout is None:
            return False
        known = self._idle.get((kind, timeout))
        if known is None:
            idle = idle_of(kind, timeout, self._settings)
            known = idle is not None and idle >= (self._wanted.idle_over or 0)
            if len(self._idle) < _ADDRESSES:
                self._idle[kind, timeout] = known
        return known
