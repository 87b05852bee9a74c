"""What any setting will be after a reboot, as text and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ec2rl.facts.sysctl_conf import normalize
from ec2rl.model import Unreadable
from ec2rl.record import replace
from ec2rl.report.escape import one_line
from ec2rl.report.wrap import wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Evidence, Json
    from ec2rl.next_boot.setting import NextBoot, Setting, Value

    Counts = Mapping[str, "str | Unreadable"]

_FEW = 4
"""As many keys of one pattern are told each by itself."""


def next_boot_text(
    boot: NextBoot,
    files: Counts,
    runs: bool = True,
    apart: Collection[str] = (),
    sysctls: bool = True,
) -> str:
    """Give the settings, each with the line that decides, then files, then what else is known.

    Of a machine that does not run nothing is said of "now"; keys that are named in `apart` are
    never told together with others; `sysctls` says whether sysctl keys are among them.
    """
    lines = ["After a reboot:", ""]
    if sysctls:
        reader = "unknown" if boot.reader is None else boot.reader.value
        lines += [f"    sysctl files are applied by: {reader}", ""]
    if boot.settings:
        lines.append(f"{'setting':42}" + f" {'now':>10}" * runs + f" {'after':>10}")
    for name, setting in _rows(boot.settings, apart):
        lines += setting_lines(setting, name, runs, boot.by_hand)
    if not boot.settings and not files:
        lines.append("No sysctl file, command line or start-up script that was read sets any key.")
    for path, why in files.items():
        said = "does not count: " if why else "counts"
        lines += wrapped("", f"{path}: {said}{why}")
    lines += also(boot.warnings, boot.unread)
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


def setting_lines(
    setting: Setting, name: str, runs: bool, by_hand: Mapping[str, Value | None]
) -> list[str]:
    """Give one setting.

    Its values, and below them who decides, who loses, and who changes it later.
    """
    now, after = (
        "unknown" if n is None else one_line(str(n)) for n in (setting.now, setting.value)
    )
    lines = [f"{one_line(name):42}" + f" {now:>10}" * runs + f" {after:>10}"]
    lines += wrapped("    because: ", quoted(setting.because, setting.decided))
    if setting.lost:
        lines += wrapped("    not applied: ", setting.lost)
    for one in setting.losers:
        lines += wrapped("    no effect: ", quoted("", one))
    lines += [line for one in setting.warnings for line in wrapped("    warning: ", one)]
    for changer in setting.changers:
        value = "changes it" if changer.setting else "resets it"
        value = value if changer.value is None else f"sets {changer.value}"
        words = f"{changer.who} {value}" + (f" ({changer.note})" if changer.note else "")
        lines += wrapped("    later: ", quoted(words, changer.evidence))
    if setting.key in by_hand:
        by_hand_value = by_hand[setting.key]
        shown = "something that cannot be told" if by_hand_value is None else f"{by_hand_value}"
        lines += wrapped("    by hand: ", f"`sysctl --system` would make it {shown}")
    return lines


def also(warnings: Sequence[str], unread: Sequence[Unreadable]) -> list[str]:
    """Warnings, and what was not read."""
    lines = [line for one in warnings for line in wrapped("Warning: ", one)]
    return lines + [line for one in unread for line in wrapped("Not read: ", str(one))]


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
