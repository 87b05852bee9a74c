"""What other timeouts would do, as text and as a curve."""

from __future__ import annotations

from ec2rl.conntrack.report.curve import curve
from ec2rl.conntrack.report.table_text import entries, heading, notes, part
from ec2rl.invocation import to_type
from ec2rl.quantities import grouped, percent, span
from ec2rl.report.wrap import wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.table.census import Census
    from ec2rl.conntrack.table.targets import TableTarget
    from ec2rl.conntrack.table.whatif import Effect, WhatIf
    from ec2rl.conntrack.tables import Limits


_HOLDS = (
    "Now: nothing changes. An entry keeps the time it has until its next packet; {free}",
    "cut: flows that have been answered; they would lose their entry while idle, and break where"
    " NAT or a stateful firewall needs it.",
)
"""What goes for every timeout."""
_NOTHING = "No entry has its time from a timeout."
_NOTHING_KNOWN = (
    "Today's timeouts are not known, so none is halved: name your own as TIMEOUT=SECONDS."
)
_UNKNOWN = (
    "unknown: entries with more time left than today's setting gives; they are from before a "
    "change, and nobody knows how long they have been idle."
)


def what_if_text(
    target: TableTarget, limits: Limits, seen: Census, answer: WhatIf, halved: bool
) -> str:
    """Show all effects in a table, what goes for all, and the curve of each (or of the first).

    `halved` is whether nobody asked for certain values: then half of today's are shown.
    """
    lines = [heading(target, limits, seen)]
    lines += part(seen)
    lines += notes(seen)
    if not answer.effects:
        return "\n".join(
            [*lines, *wrapped("    ", _NOTHING_KNOWN if seen.largest else _NOTHING), ""]
        )
    shown = "half of today's; name your own as TIMEOUT=SECONDS" if halved else "as you asked"
    lines += ["", *wrapped("", f"With other timeouts ({shown}), in the steady state:"), ""]
    titles = ("today", "then", "entries", "gone", "cut")
    lines.append(f"{'timeout':26} " + _row(*titles, "unknown"))
    for one in answer.effects:
        today = "unknown" if one.today is None else span(one.today)
        unknown = grouped(one.unknown) if one.unknown else "-"
        gone, cut = _between(one.gone, one.gone_most), _between(one.cut, one.cut_most)
        numbers = (today, span(one.wanted), grouped(one.governed), gone, cut, unknown)
        lines.append(f"{one.setting:26} " + _row(*numbers))
    share = percent(answer.steady / answer.size) if answer.size else "all"
    together = f"{grouped(answer.steady)} of {entries(answer.size)} ({share})"
    if answer.steady_least < answer.steady:
        unknown = ", ".join(one.setting for one in answer.effects if one.today is None)
        together = (
            f"between {grouped(answer.steady_least)} and {grouped(answer.steady)} of "
            f"{entries(answer.size)} (today's {unknown} would tell, in --sysctl=FILE)"
        )
    lines += ["", *wrapped("", f"Together: {together} would be there.", "    ")]
    free = f"to free entries now see: {to_type('help conntrack free', root=False)}"
    if not target.here:
        free = "what frees entries now is conntrack free, on that machine"
    lines += [line for words in _HOLDS for line in wrapped("", words.format(free=free), "    ")]
    if any(one.unknown for one in answer.effects):
        lines += wrapped("", _UNKNOWN, "    ")
    for one in answer.effects:
        if one.caution and (one.gone or not halved):
            lines += wrapped("", f"Caution, {one.setting}: {one.caution}.", "    ")
    for one in answer.effects[: 1 if halved else 3]:
        lines += _drawn(one)
    return "\n".join(lines) + "\n\n"


def _row(today: str, then: str, governed: str, gone: str, cut: str, unknown: str) -> str:
    return f"{today:>10} {then:>10} {governed:>7} {gone:>7} {cut:>7} {unknown:>7}"


def _between(least: int, most: int) -> str:
    return grouped(least) if least == most else f"{grouped(least)}-{grouped(most)}"


def _drawn(one: Effect) -> list[str]:
    drawn = curve(one.curve, one.wanted, one.today)
    if not drawn:
        return []
    bound = f" (+-{grouped(one.uncertain)})" if one.uncertain else ""
    kept = f"{grouped(one.governed - one.gone)}{bound}"
    return [
        "",
        f"{one.setting}: entries against the timeout; with {span(one.wanted)} {kept}",
        *drawn,
    ]
