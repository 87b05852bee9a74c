"""What each connection-tracking setting will be after a reboot, as text and as JSON."""

from __future__ import annotations

from ec2rl.report.escape import one_line
from ec2rl.report.table_text import wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.boot.settings import BootSettings
    from ec2rl.model import Evidence, Json
    from ec2rl.next_boot.setting import Setting

_PREFIX = "net.netfilter."


def boot_text(boot: BootSettings, runs: bool = True) -> str:
    """First the settings that somebody speaks of, or that will change; then what else is known.

    Of a machine that does not run nothing is said of "now".
    """
    reader = "unknown" if boot.reader is None else boot.reader.value
    lines = ["After a reboot:", "", f"    sysctl files are applied by: {reader}"]
    lines += wrapped("    nf_conntrack is ", _quoted(boot.module.when.value, boot.module.evidence))
    for option in boot.module.given:
        lines += wrapped("    given: ", _quoted(f"{option.name}={option.value}", option.given))
    lines.append("")
    lines.append(f"{'setting':42}" + f" {'now':>10}" * runs + f" {'after':>10}")
    told = [setting for setting in boot.settings if _worth_telling(setting)]
    for setting in told:
        lines += _setting(boot, setting, runs)
    rest = len(boot.settings) - len(told)
    if rest:
        lines.append(f"{rest} more are spoken of nowhere: as the kernel has them; see --json.")
    for title, words in (
        ("Warning: ", [one_line(warning) for warning in boot.warnings]),
        ("Not read: ", [str(one) for one in boot.unread]),
        ("Loads it: ", [_quoted("", one) for one in boot.loaders]),
    ):
        lines += [line for word in words for line in wrapped(title, word)]
    return "\n".join(lines) + "\n"


def _worth_telling(setting: Setting) -> bool:
    size = setting.key in (f"{_PREFIX}nf_conntrack_max", f"{_PREFIX}nf_conntrack_buckets")
    changes = setting.now is not None and setting.value != setting.now
    return size or setting.spoken_of or changes or bool(setting.changers or setting.warnings)


def _setting(boot: BootSettings, setting: Setting, runs: bool) -> list[str]:
    now, after = ("unknown" if n is None else str(n) for n in (setting.now, setting.value))
    name = setting.key.removeprefix(_PREFIX)
    lines = [f"{name:42}" + f" {now:>10}" * runs + f" {after:>10}"]
    lines += wrapped("    because: ", _quoted(setting.because, setting.decided))
    if setting.lost:
        lines += wrapped("    lost: ", setting.lost)
    lines += [line for one in setting.losers for line in wrapped("    loses: ", _quoted("", one))]
    lines += [line for one in setting.warnings for line in wrapped("    warning: ", one)]
    for changer in setting.changers:
        value = "resets it" if changer.value is None else f"sets {changer.value}"
        words = f"{changer.who} {value}" + (f" ({changer.note})" if changer.note else "")
        lines += wrapped("    later: ", _quoted(words, changer.evidence))
    if setting.key in boot.by_hand:
        by_hand = boot.by_hand[setting.key]
        shown = "something that cannot be told" if by_hand is None else f"{by_hand}"
        lines += wrapped("    by hand: ", f"`sysctl --system` would make it {shown}")
    return lines


def _quoted(words: str, evidence: Evidence | None) -> str:
    if evidence is None:
        return words
    text = one_line(evidence.text.strip())[:160]
    place = f"{evidence.source}: {text}" if text else evidence.source
    return f"{words}: {place}" if words else place


def boot_facts(boot: BootSettings) -> dict[str, Json]:
    """The same as JSON; a value that cannot be told is null."""
    return {
        "reader": None if boot.reader is None else boot.reader.value,
        "module": {
            "when": boot.module.when.name.lower(),
            "evidence": _evidence(boot.module.evidence),
            "parameters": [
                {"name": o.name, "value": o.value, "line": _evidence(o.given)}
                for o in boot.module.given
            ],
        },
        "settings": [_setting_facts(boot, setting) for setting in boot.settings],
        "loaders": [_evidence(one) for one in boot.loaders],
        "warnings": list(boot.warnings),
        "unread": [str(one) for one in boot.unread],
    }


def _setting_facts(boot: BootSettings, setting: Setting) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "key": setting.key,
        "now": setting.now,
        "after": setting.value,
        "because": setting.because,
        "decided": _evidence(setting.decided),
        "losers": [_evidence(one) for one in setting.losers],
        "lost": setting.lost or None,
        "survives": setting.survives(),
        "warnings": list(setting.warnings),
        "changers": [
            {"who": c.who, "value": c.value, "line": _evidence(c.evidence), "note": c.note or None}
            for c in setting.changers
        ],
    }
    if setting.key in boot.by_hand:
        facts["by_hand"] = boot.by_hand[setting.key]
    return facts


def _evidence(one: Evidence | None) -> Json:
    return None if one is None else {"source": one.source, "text": one.text}
