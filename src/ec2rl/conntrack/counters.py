"""Conntrack's counters of one network namespace, since it was made."""

from __future__ import annotations

from ec2rl.facts.proc import parse_rows, rise
from ec2rl.record import record


@record(frozen=True)
class Counters:
    """Sums over all CPUs, each CPU's a 32-bit number that wraps; None where this kernel has none.

    `entries` is the namespace's count of entries (the same on every CPU's row).  `drop` counts
    packets refused, a connection's retries included; `early_drop` entries evicted to make room;
    `insert_failed` clashes, and insertions refused by a long chain, which `chaintoolong` counts
    alone (5.15 and later).  net/netfilter/nf_conntrack_standalone.c, ct_cpu_seq_show.
    """

    entries: int | None
    drop: int | None
    early_drop: int | None
    insert_failed: int | None
    chaintoolong: int | None

    @property
    def refused(self) -> int | None:
        """Packets dropped for want of room, or by a helper: `drop` less the clashes in it.

        Not every failed insertion is a dropped packet: up to 5.9 a clash that was resolved is one
        as well, and one by ctnetlink in every kernel.  Where there are more of them than drops,
        nothing can be told from them, and each drop counts.
        """
        if self.drop is None:
            return None
        clashes = max(0, (self.insert_failed or 0) - (self.chaintoolong or 0))
        return self.drop if clashes > self.drop else self.drop - clashes


_COUNTERS = ("drop", "early_drop", "insert_failed", "chaintoolong")  # in the order of the class
_TOOLS = "(conntrack-tools)"
_READ = ("entries", "chainlength", *_COUNTERS)


def parse_stat(text: str) -> Counters | None:
    """Read /proc/net/stat/nf_conntrack, by its header's names; None for a text that is none.

    `chainlength` is what 6.1 and later call `chaintoolong` there.
    """
    header, _, rest = text.partition("\n")
    latest: dict[int, dict[str, int]] = {}
    entries = 0
    for sample in rest.split(f"{header}\n"):
        rows = parse_rows(f"{header}\n{sample}", _READ, digits=8)
        if rows is None or "entries" not in rows[0] or "drop" not in rows[0]:
            return None
        entries = rows[0]["entries"]
        for cpu, row in enumerate(rows):
            if not _add(latest, cpu, {name: row[name] for name in row if name != "entries"}):
                return None
    for row in latest.values():
        if "chainlength" in row:
            row["chaintoolong"] = row.pop("chainlength")
    return _sum(list(latest.values()), entries)


def parse_conntrack_stats(text: str, entries: int | None) -> Counters | None:
    """Read what `conntrack -S` prints, of every version; None for a text that is none.

    A line a CPU since 1.0; before that a line a counter, summed over all CPUs, and `entries` too.
    Of what was printed several times the last counts; counters that fell are of another table.
    What conntrack(8) says of itself, and words behind the counters, are passed over; a CPU's line
    that cannot be read is not.
    """
    plain = parse_stat(text)  # the kernel's file itself, under that name
    if plain is not None:
        return plain
    rows: dict[int, dict[str, int]] = {}
    summed: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if not words or _TOOLS in line:
            continue
        pairs = [word.partition("=")[::2] for word in words if "=" in word]
        if pairs:
            if not all(_is_number(value, 10) for _, value in pairs):
                return None
            row = {name: int(value) for name, value in pairs}
            if not _add(rows, row.get("cpu", len(rows)), row):
                return None
        elif len(words) == 2 and _is_number(words[1], 20):  # a sum
            summed[words[0]] = int(words[1])
    if "drop" in summed:
        known = summed.get("entries") if entries is None else entries
        return _sum([summed], known)
    told = list(rows.values())
    return _sum(told, entries) if told and "drop" in told[0] else None


def _add(rows: dict[int, dict[str, int]], cpu: int, row: dict[str, int]) -> bool:
    """Take a CPU's counters for those that it had before, as long as none has fallen."""
    before = rows.get(cpu, {})
    rows[cpu] = row
    return all(row.get(name, value) >= value for name, value in before.items())


def _is_number(word: str, digits: int) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= digits


def _sum(rows: list[dict[str, int]], entries: int | None) -> Counters:
    totals = {
        name: sum(row.get(name, 0) for row in rows) if name in rows[0] else None
        for name in _COUNTERS
    }
    return Counters(entries=entries, **totals)


def risen(before: Counters, after: Counters) -> Counters:
    """Tell what was counted between two looks."""
    return Counters(
        None, *(rise(getattr(before, name), getattr(after, name)) for name in _COUNTERS)
    )
