"""What other timeouts would do, as text and as a curve."""

from __future__ import annotations

from ec2rl.conntrack.report.curve import curve
from ec2rl.conntrack.report.table_text import WIDE, entries, headed, notes, part
from ec2rl.invocation import to_type
from ec2rl.quantities import grouped, percent, span
from ec2rl.report.escape import tied
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
_NOTHING_KNOWN = "Today's timeouts are not known, so none is halved: name your own as TIMEOUT=TIME."
_UNKNOWN = (
    "unknown: entries with more time left than today's setting gives; they are from before a "
    "change, and nobody knows how long they have been idle."
)


def what_if_text(
    target: TableTarget,
    limits: Limits,
    seen: Census,
    answer: WhatIf,
    halved: bool,
    width: int = WIDE,
) -> str:
    """Show all effects in a table, what goes for all, and the curve of each (or of the first).

    `halved` is whether nobody asked for certain values: then half of today's are shown.
    """
    lines = headed(target, limits, seen, width)
    lines += part(seen, width=width)
    lines += notes(seen, width)
    if not answer.effects:
        nothing = _NOTHING_KNOWN if seen.largest else _NOTHING
        return "\n".join([*lines, *wrapped("    ", nothing, width=width), ""])
    shown = "half of today's; name your own as TIMEOUT=TIME" if halved else "as you asked"
    title = f"With other timeouts ({shown}), in the steady state:"
    lines += ["", *wrapped("", title, width=width), ""]
    if width >= WIDE:
        titles = ("today", "then", "entries", "gone", "cut")
        lines.append(f"{'timeout':26} " + _row(*titles, "unknown"))
    for one in answer.effects:
        lines += _told(one, width)
    share = percent(answer.steady / answer.size) if answer.size else "all"
    together = f"{grouped(answer.steady)} of {entries(answer.size)} ({share})"
    if answer.steady_least < answer.steady:
        unknown = ", ".join(one.setting for one in answer.effects if one.today is None)
        together = (
            f"between {grouped(answer.steady_least)} and {grouped(answer.steady)} of "
            f"{entries(answer.size)} (today's {unknown} would tell, in --sysctl=FILE)"
        )
    lines += ["", *wrapped("", f"Together: {together} would be there.", "    ", width)]
    free = f"to free entries now see: {tied(to_type('help conntrack free', root=False))}"
    if not target.here:
        free = "what frees entries now is conntrack free, on that machine"
    holds = [words.format(free=free) for words in _HOLDS]
    lines += [line for words in holds for line in wrapped("", words, "    ", width)]
    if any(one.unknown for one in answer.effects):
        lines += wrapped("", _UNKNOWN, "    ", width)
    for one in answer.effects:
        if one.caution and (one.gone or not halved):
            lines += wrapped("", f"Caution, {one.setting}: {one.caution}.", "    ", width)
    for one in answer.effects[: 1 if halved else 3]:
        lines += _drawn(one, width)
    return "\n".join(lines) + "\n\n"


def _told(one: Effect, width: int) -> list[str]:
    """Give what another timeout does as a row, or below its name where there is no room."""
    today = "unknown" if one.today is None else span(one.today)
    unknown = grouped(one.unknown) if one.unknown else "-"
    gone, cut = _between(one.gone, one.gone_most), _between(one.cut, one.cut_most)
    if width >= WIDE:
        numbers = (today, span(one.wanted), grouped(one.governed), gone, cut, unknown)
        return [f"{one.setting:26} " + _row(*numbers)]
    words = f"today {today}, then {span(one.wanted)}: {entries(one.governed)}, {gone} gone"
    words += f", {cut} cut" + (f", {unknown} unknown" if one.unknown else "")
    return [*wrapped("", one.setting, "    ", width), *wrapped("    ", words, "", width)]


def _row(today: str, then: str, governed: str, gone: str, cut: str, unknown: str) -> str:
    return f"{today:>10} {then:>10} {governed:>7} {gone:>7} {cut:>7} {unknown:>7}"


def _between(least: int, most: int) -> str:
    return grouped(least) if least == most else f"{grouped(least)}-{grouped(most)}"


def _drawn(one: Effect, width: int) -> list[str]:
    drawn = curve(one.curve, one.wanted, one.today, width)
    if not drawn:
        return []
    bound = f" (+-{grouped(one.uncertain)})" if one.uncertain else ""
    kept = f"{grouped(one.governed - one.gone)}{bound}"
    return [
        "",
        *wrapped(
            "",
            f"{one.setting}: entries against the timeout; with {span(one.wanted)} {kept}",
            "    ",
            width,
        ),
        *drawn,
    ]
