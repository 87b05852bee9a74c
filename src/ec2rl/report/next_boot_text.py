"""What any setting will be after a reboot, as text and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ec2rl.facts.sysctl_conf import normalize
from ec2rl.model import Unreadable
from ec2rl.quantities import value_words
from ec2rl.record import replace
from ec2rl.report.escape import one_line, tied
from ec2rl.report.wrap import wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Evidence, Json
    from ec2rl.next_boot.setting import NextBoot, Setting, Value

    Counts = Mapping[str, "str | Unreadable"]

_SIDE = 64
"""Columns from which on a setting and its values have room side by side."""

_FEW = 4
"""As many keys of one pattern are told each by itself."""


def next_boot_text(
    boot: NextBoot,
    files: Counts,
    runs: bool = True,
    apart: Collection[str] = (),
    sysctls: bool = True,
    width: int | None = None,
) -> str:
    """Give the settings, each with the line that decides, then files, then what else is known.

    Of a machine that does not run nothing is said of "now"; keys that are named in `apart` are
    never told together with others; `sysctls` says whether sysctl keys are among them; `width` is
    the terminal's.
    """
    columns = width or 80
    lines = ["After a reboot:", ""]
    if sysctls:
        reader = "unknown" if boot.reader is None else boot.reader.value
        lines += [*wrapped("    ", f"sysctl files are applied by: {reader}", width=columns), ""]
    if boot.settings:
        lines += head(runs, columns)
    for name, setting in _rows(boot.settings, apart):
        lines += setting_lines(setting, name, runs, boot.by_hand, columns)
    if not boot.settings and not files:
        none = "No sysctl file, command line or start-up script that was read sets any key."
        lines += wrapped("", none, width=columns)
    for path, why in files.items():
        said = "does not count: " if why else "counts"
        lines += wrapped("", f"{path}: {said}{why}", width=columns)
    lines += also(boot.warnings, boot.unread, columns)
    return "\n".join(lines) + "\n"


def all_told(boot: NextBoot) -> bool:
    """Tell whether no setting ends as `unknown`; the kernel's default of an unset one is told."""
    return all(one.ends is not None or _is_unset(one) for one in boot.settings)


def _rows(settings: Sequence[Setting], apart: Collection[str]) -> list[tuple[str, Setting]]:
    """Name and setting of each row: many keys that are alike by one pattern, or unset, are one."""
    groups: dict[object, list[Setting]] = {}
    for one in settings:
        alike: object = one.key
        if one.key in apart:
            pass
        elif _is_unset(one):
            alike = None
        elif one.decided is not None and _is_pattern(one.decided):
            alike = (one.decided, one.value, one.lost, one.losers, one.warnings, one.changers)
        groups.setdefault(alike, []).append(one)
    rows = []
    for group in groups.values():
        first = group[0]
        if len(group) <= _FEW:
            rows += [(one.key, _unset(one) if _is_unset(one) else one) for one in group]
        elif first.decided is None:
            unset = replace(_common(group), because="the kernel's defaults; each by itself: --json")
            rows.append((f"{len(group)} keys", _unset(unset)))
        else:
            key = first.decided.text.partition("=")[0].strip()
            rows.append((f"{key} ({len(group)} keys)", _common(group)))
    return rows


def _is_unset(one: Setting) -> bool:
    return one.decided is None and not (one.spoken_of or one.changers or one.lost)


def _unset(one: Setting) -> Setting:
    value = "default" if one.value is None else one.value
    return replace(one, value=value, because=f"not set anywhere: {one.because}")


def _is_pattern(line: Evidence) -> bool:
    return any(sign in normalize(line.text.partition("=")[0]) for sign in "*?[{")


def _common(group: Sequence[Setting]) -> Setting:
    """Give one setting for all of a group: what it is now is told where it is the same."""
    now = {one.now for one in group}
    return replace(group[0], now=now.pop() if len(now) == 1 else "various")


def head(runs: bool, width: int) -> list[str]:
    """Give the names of the columns; none where each value is told by its name (`_values`)."""
    return [_side_by_side("setting", ["now", "after"][not runs :])] if width >= _SIDE else []


def _side_by_side(name: str, values: Sequence[str]) -> str:
    return f"{name:42}" + "".join(f" {value:>10}" for value in values)


def setting_lines(
    setting: Setting, name: str, runs: bool, by_hand: Mapping[str, Value | None], width: int
) -> list[str]:
    """Give one setting.

    Its values, and below them who decides, who loses, and who changes it later.
    """
    lines = _values(setting, one_line(name), runs, width)

    def below(label: str, words: str) -> None:
        lines.extend(wrapped(f"    {label}: ", words, width=width))

    below("because", quoted(setting.because, setting.decided))
    if setting.lost:
        below("not applied", setting.lost)
    for one in setting.losers:
        below("no effect", quoted("", one))
    for warning in setting.warnings:
        below("warning", warning)
    for changer in setting.changers:
        value = "changes it" if changer.setting else "resets it"
        value = value if changer.value is None else f"sets {value_words(changer.value)}"
        words = f"{changer.who} {value}" + (f" ({changer.note})" if changer.note else "")
        below("later", quoted(words, changer.evidence))
    if setting.key in by_hand:
        made = by_hand[setting.key]
        shown = "something that cannot be told" if made is None else value_words(made)
        below("by hand", f"`{tied('sysctl --system')}` would make it {shown}")
    return lines


def _values(setting: Setting, name: str, runs: bool, width: int) -> list[str]:
    """Give what a setting is, and will be: in columns, or below its name where there is no room."""
    now, after = (
        "unknown" if n is None else one_line(value_words(n)) for n in (setting.now, setting.value)
    )
    if width >= _SIDE:
        return [_side_by_side(name, [now, after][not runs :])]
    told = f"now {now}, after {after}" if runs else f"after {after}"
    return [name, *wrapped("    ", told, "    ", width)]


def also(warnings: Sequence[str], unread: Sequence[Unreadable], width: int) -> list[str]:
    """Warnings, and what was not read."""
    lines = [line for one in warnings for line in wrapped("Warning: ", one, width=width)]
    return lines + [line for one in unread for line in wrapped("Not read: ", str(one), width=width)]


def quoted(words: str, evidence: Evidence | None) -> str:
    """Give words, then the line that shows it and its place."""
    if evidence is None:
        return words
    text = one_line(evidence.text.strip())[:160]
    place = f"{evidence.source}: {text}" if text else evidence.source
    return f"{words}: {place}" if words else place


def next_boot_facts(boot: NextBoot, files: Counts) -> dict[str, Json]:
    """Give the same as JSON; a value that cannot be told is null."""
    return {
        "reader": None if boot.reader is None else boot.reader.value,
        "settings": [setting_facts(setting, boot.by_hand) for setting in boot.settings],
        "files": [
            {"path": path, "counts": not why, "why": str(why) or None}
            for path, why in files.items()
        ],
        "warnings": list(boot.warnings),
        "unread": [str(one) for one in boot.unread],
    }


def setting_facts(setting: Setting, by_hand: Mapping[str, Value | None]) -> dict[str, Json]:
    """Give one setting as JSON."""
    facts: dict[str, Json] = {
        "key": setting.key,
        "now": setting.now,
        "after": setting.value,
        "because": setting.because,
        "decided": line_facts(setting.decided),
        "losers": [line_facts(one) for one in setting.losers],
        "lost": setting.lost or None,
        "survives": setting.survives(),
        "warnings": list(setting.warnings),
        "changers": [
            {"who": c.who, "value": c.value, "line": line_facts(c.evidence), "note": c.note or None}
            for c in setting.changers
        ],
    }
    if setting.key in by_hand:
        facts["by_hand"] = by_hand[setting.key]
    return facts


def line_facts(one: Evidence | None) -> Json:
    """Give a line and its place as JSON."""
    return None if one is None else {"source": one.source, "text": one.text}
