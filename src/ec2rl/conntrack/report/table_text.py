"""What was counted of a table, as text for a terminal, of 80 columns where none is told."""

from __future__ import annotations

from collections import Counter

from ec2rl.conntrack.report.table_json import by_namespace, is_sample, is_whole
from ec2rl.conntrack.table.ages import bucket_end
from ec2rl.conntrack.table.causes import causes, one_namespace
from ec2rl.conntrack.table.census import (
    Census,
    evictable,
    evictable_later,
    protocol_of,
    standing_of,
    state_of,
)
from ec2rl.conntrack.table.process_owners import NOBODY
from ec2rl.conntrack.table.ruleset import ruleset, unknown_need
from ec2rl.conntrack.table.sample import estimate
from ec2rl.conntrack.table.tcp_causes import short_of_a_cause
from ec2rl.conntrack.table.timeouts import governing
from ec2rl.invocation import to_type
from ec2rl.quantities import grouped, percent, plural, span
from ec2rl.report.escape import one_line, tied
from ec2rl.report.wording import text
from ec2rl.report.wrap import wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ec2rl.conntrack.table.cause import Cause
    from ec2rl.conntrack.table.census import Cell
    from ec2rl.conntrack.table.process_owners import Owned
    from ec2rl.conntrack.table.ranking import Ranking, Row
    from ec2rl.conntrack.table.targets import TableTarget, TableTargets
    from ec2rl.conntrack.table.timeouts import Kind
    from ec2rl.conntrack.tables import Limits

KEYS = ("src", "dst", "service", "pair", "state", "protocol", "owner", "zone", "mark")
"""What a table can be ranked by."""

WIDE = 80
"""Columns from which on numbers stand in columns; on fewer they stand below their names."""

_NAME = 20, 44
"""Columns of a name, at least and at most: `198.18.0.1 -> 192.0.2.1:443/tcp`."""
_TITLES = {
    "src": "Source",
    "dst": "Destination",
    "service": "Service",
    "pair": "Connections",
    "state": "State",
    "protocol": "Protocol",
    "owner": "Behind the connections",
    "zone": "Zone",
    "mark": "Mark",
}


_OF_THESE = "all numbers are of these"


def heading(target: TableTarget, limits: Limits, seen: Census) -> str:
    """Tell which table, and how full it is by the kernel's own count."""
    count = target.count if seen.counted is None else seen.counted
    label = one_line(target.label)
    if count is None:
        return f"{label}: {'at least ' * (not is_whole(seen))}{entries(seen.total)}"
    if not limits.maximum:
        return f"{label}: {entries(count)}"
    share = percent(count / limits.maximum)
    return f"{label}: {grouped(count)} of {entries(limits.maximum)} ({share})"


def headed(target: TableTarget, limits: Limits, seen: Census, width: int) -> list[str]:
    """Give that as lines: as one where there is room for a table of numbers."""
    head = heading(target, limits, seen)
    return [head] if width >= WIDE else wrapped("", head, "    ", width)


def first_answer(
    target: TableTarget, limits: Limits, seen: Census, by: str, width: int = WIDE
) -> str:
    """Give the busiest from a sample, while the whole table is still to be read."""
    lines = headed(target, limits, seen, width)
    lines += [*_headline(seen, causes(seen), width), ""]
    lines += _ranking("pair" if by in ("", "owner") else by, seen, 3, (), width)
    return "\n".join([*lines, "", "The whole table:", ""])


def top(
    target: TableTarget,
    targets: TableTargets,
    seen: Census,
    by: str,
    limit: int,
    owned: Sequence[Owned],
    width: int = WIDE,
) -> str:
    """Headline, causes, and the ranking that was asked for, or those that tell most."""
    found = causes(seen)
    lines = headed(target, targets.limits, seen, width)
    lines += _headline(seen, found, width)
    for other in targets.others[:3]:
        fuller = f"Fuller: {other.label}, {entries(other.count or 0)}; see --netns=all"
        lines += wrapped("    ", fuller, width=width)
    if len(targets.others) > 3:
        lines.append(f"    And {len(targets.others) - 3} more are fuller.")
    lines += notes(seen, width)
    if not seen.total:
        return "\n".join(lines) + "\n"
    lines.append("")
    if by:
        lines += _ranking(by, seen, limit, owned, width)
    else:
        lines += _causes(found, seen, target, width)
        for key in ("state", "pair", "src", "service"):
            lines += [*_ranking(key, seen, limit, (), width), ""]
        if any(one.owner != NOBODY for one in owned):
            lines += _ranking("owner", seen, limit, owned, width)
    return "\n".join(lines).rstrip() + "\n\n"


def all_tables(targets: TableTargets, width: int = WIDE) -> str:
    """Tell what is to be said of all namespaces together, "" for nothing."""
    cause = one_namespace(by_namespace(targets))
    if cause is None:
        return ""
    facts = map(text, (cause.headline, *cause.evidence))
    lines = [line for fact in facts for line in wrapped("", fact, width=width)]
    return "\n".join([*lines, "", ""])


def not_looked_into(left: Sequence[TableTarget]) -> str:
    """Tell which tables were not looked into where all were asked for, "" for none."""
    if not left:
        return ""
    fewer = plural(sum(one.count or 0 for one in left), "entry/entries")
    return (
        f"Not looked into: {plural(len(left), 'more namespace')} with {fewer} together, as each "
        f"costs a walk over the entries of all. {tied(to_type('conntrack namespaces'))} lists them,"
        " --netns=NUMBER looks into one."
    )


def left_out(left: Sequence[TableTarget], width: int) -> str:
    """Give the same as lines, "" for none."""
    return "".join(f"{line}\n" for line in wrapped("", not_looked_into(left), "", width) if left)


def _headline(seen: Census, found: Iterable[Cause], width: int) -> list[str]:
    if not seen.total:
        return ["    The table is empty."]
    first = [f"{text(cause.headline)}." for cause in list(found)[:1]]
    lines = [line for words in first for line in wrapped("    ", words, width=width)]
    lines += part(seen, "bounds hold in 95 of 100 cases" if is_sample(seen) else _OF_THESE, width)
    at_once, later = (seen.entries(kind) / seen.total for kind in (evictable, evictable_later))
    stay = 1 - at_once - later
    return lines + wrapped(
        "    ",
        f"When it is full, {percent(at_once)} can be evicted for a new connection, "
        f"{percent(later)} slowly (closing); {percent(max(0.0, stay))} stay.",
        width=width,
    )


def part(seen: Census, bounds: str = _OF_THESE, width: int = WIDE) -> list[str]:
    """Tell what is to be said where numbers are those of a part of the table.

    `bounds` of a sample.
    """
    if is_whole(seen):
        return []
    known = entries(seen.total)
    if seen.counted:
        share = percent(seen.total / seen.counted)
        known = f"{grouped(seen.total)} of {entries(seen.counted)} ({share})"
    how = f"in random order; {bounds}"
    if not seen.random:
        how = "in no random order: all numbers are of these, and tell nothing of the others"
    return wrapped("    ", f"Seen: {known}, {how}.", width=width)


def notes(seen: Census, width: int = WIDE) -> list[str]:
    """Say what was not read of a table, and what nobody can tell of it for want of its timeouts."""
    said = list(seen.gaps)
    if seen.largest:
        names = ", ".join(sorted(seen.largest)[:3]) + ", ..." * (len(seen.largest) > 3)
        said.append(
            f"the timeouts in force are not known ({names}): idle times are the least that there"
            " can be if each entry was given the same time, and no cause rests on them"
        )
    return [line for words in said for line in wrapped("    ", f"Note: {words}.", width=width)]


def _causes(found: Sequence[Cause], seen: Census, target: TableTarget, width: int) -> list[str]:
    if not found:
        few = ": fewer than 1,000 entries tell little"
        if seen.total >= 1000:
            short = short_of_a_cause(seen)
            few = "" if short is None else f". {text(short)}"
        none = f"Why: none of the known causes stands out{few}."
        return [*wrapped("", none, "    ", width), ""]
    lines = ["Why:"]

    def say(first: str, words: str) -> None:
        lines.extend(wrapped(first, words, width=width))

    for number, cause in enumerate(found, 1):
        what = f"{cause.name.value} ({percent(cause.share)}): {text(cause.headline)}"
        say(f" {number}. ", what)
        for fact in cause.evidence:
            say("    - ", text(fact))
        for way in cause.advice.fits:
            say("    helps:      ", way)
        if cause.advice.command:
            say(" " * 20, tied(target.command(cause.advice.command)))
        for way in cause.advice.not_fits:
            say("    helps not:  ", way)
        rules = ruleset(cause, seen).splitlines()
        if rules:
            say("    ", unknown_need(seen))
            lines += [f"        {line}" for line in rules]
    return [*lines, ""]


def _ranking(by: str, seen: Census, limit: int, owned: Sequence[Owned], width: int) -> list[str]:
    """The lines of one ranking; what is below its last row is told in one more."""
    rows, distinct, error = _rows(by, seen, owned)
    if not rows:
        return [f"{_TITLES[by]}: none is set."] if by in ("zone", "mark") else []
    shown = rows[:limit]
    least, most = _NAME
    room = max(least, min(most, max(len(name) for name, _, _ in shown)))
    sampled = is_sample(seen)
    behind = "  between" if sampled else "  idle (half, 9 in 10)" if by == "state" else ""
    what = "entries" if sampled or is_whole(seen) else "seen"
    lines = [f"{_TITLES[by]:{room}} {what:>9} share{behind}"]
    if width < WIDE:
        lines = wrapped(
            "", f"{_TITLES[by]}: {what}, share, {behind.strip()}".rstrip(", "), "    ", width
        )
    for name, count, note in shown:
        share = percent(count / seen.total).replace("below ", "<")
        words = grouped(count)
        if sampled and seen.counted is not None:
            guess = estimate(count, seen.total, seen.counted, distinct or seen.total)
            words = grouped(guess.likeliest)
            note = f"  {grouped(guess.low)} and {grouped(guess.high)}"
        if width < WIDE:
            lines += wrapped("  ", name, "    ", width)
            lines += wrapped(
                " " * 6, ", ".join(filter(None, (words, share, note.strip()))), "", width
            )
        else:
            lines.append(f"{_cut(name, room):{room}} {words:>9} {share:>5}{note}".rstrip())
    if by == "owner":
        asked = percent(sum(one.entries for one in owned) / seen.total)
        whom = f"(asked of the busiest {len(seen.pairs.rows)} pairs: {asked} of the entries)"
        lines += wrapped("", whom, " ", width)
    if distinct is None:
        more = f"(and tens of thousands more; each count is too low by at most {grouped(error)})"
        lines += wrapped("", more, " ", width)
    elif distinct > len(shown):
        lines.append(f"(and {grouped(distinct - len(shown))} more)")
    return lines


def _rows(
    by: str, seen: Census, owned: Sequence[Owned]
) -> tuple[list[tuple[str, int, str]], int | None, int]:
    """(name, entries, note) of each row, how many there are in all, and the error of counts."""
    rankings: dict[str, Ranking] = {
        "src": seen.sources,
        "dst": seen.destinations,
        "service": seen.services,
        "pair": seen.pairs,
        "zone": seen.zones,
        "mark": seen.marks,
    }
    if by in rankings:
        ranking = rankings[by]
        rows = [(str(row.key), row.count, _mostly(row)) for row in ranking.rows]
        return rows, ranking.distinct, ranking.error
    if by == "owner":
        found = [(one.owner, one.entries, "") for one in owned]
    elif by == "protocol":
        found = [(name, count, "") for name, count in seen.by(protocol_of)]
    else:
        found = [(name, count, _idle(seen, name)) for name, count in seen.by(_standing)]
    return found, len(found), 0


def _standing(kind: Kind) -> str:
    return f"{state_of(kind)} {standing_of(kind)}"


def _mostly(row: Row) -> str:
    """The state that most of a row's entries are in."""
    states: Counter[str] = Counter()
    for kind, count in row.kinds:
        states[state_of(kind)] += count
    ((name, count),) = states.most_common(1)
    return f"  {name}" if count == row.count else f"  {percent(count / row.count)} {name}"


def _idle(seen: Census, name: str) -> str:
    """How long half of a state's entries, and nine in ten, have seen no packet at most."""
    cells = [cell for cell in seen.cells if _standing(cell.kind) == name]
    beyond = sum(cell.beyond for cell in cells)
    middle, most = (_quantile(cells, share) for share in (0.5, 0.9))
    least = "at least " if any(governing(cell.kind) in seen.largest for cell in cells) else ""
    words = "" if middle is None or most is None else f"  {least}{middle}, {most}"
    return words + (f"  {grouped(beyond)} older than the setting" if beyond else "")


def _quantile(cells: Iterable[Cell], share: float) -> str | None:
    pairs = sorted(pair for cell in cells for pair in cell.idle)
    left = share * sum(count for _, count in pairs)
    for low, count in pairs:
        left -= count
        if left <= 0:
            return f"{span(bucket_end(low) - 1)}"
    return None


def _cut(text: str, room: int) -> str:
    text = one_line(text)
    return text if len(text) <= room else text[: room - 3] + "..."


def entries(number: int) -> str:
    """Say `1 entry`, `2 entries`."""
    return plural(number, "entry/entries")
