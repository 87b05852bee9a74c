"""What each connection-tracking setting will be after a reboot, as text and as JSON."""

from __future__ import annotations

from ec2rl.next_boot.module import When
from ec2rl.report.next_boot_text import also, head, line_facts, quoted, setting_facts, setting_lines
from ec2rl.report.wrap import wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.boot.settings import BootSettings
    from ec2rl.model import Json
    from ec2rl.next_boot.setting import Setting

_PREFIX = "net.netfilter."


def boot_text(boot: BootSettings, runs: bool = True, width: int | None = None) -> str:
    """First the settings that somebody speaks of, or that will change; then what else is known.

    Of a machine that does not run nothing is said of "now".  `width` is the terminal's.
    """
    columns = width or 80
    reader = "unknown" if boot.reader is None else boot.reader.value
    lines = ["After a reboot:", ""]

    def say(first: str, words: str) -> None:
        lines.extend(wrapped(first, words, width=columns))

    say("    ", f"sysctl files are applied by: {reader}")
    when, place = boot.module.when, boot.module.evidence
    if when is When.UNKNOWN:
        say("    ", quoted("when nf_conntrack is loaded is not known", place))
    else:
        say("    nf_conntrack is ", quoted(when.value, place))
    for option in boot.module.given:
        say("    given: ", quoted(f"{option.name}={option.value}", option.given))
    lines += ["", *head(runs, columns)]
    told = _told(boot)
    for setting in told:
        name = setting.key.removeprefix(_PREFIX)
        lines += setting_lines(setting, name, runs, boot.by_hand, columns)
    rest = len(boot.settings) - len(told)
    if rest:
        say("", f"{rest} more are not set anywhere: as the kernel has them; see --json.")
    lines += also(boot.warnings, boot.unread, columns)
    for one in boot.loaders:
        say("Loads it: ", quoted("", one))
    return "\n".join(lines) + "\n"


def all_told(boot: BootSettings) -> bool:
    """Tell whether no setting that is shown ends as `unknown`."""
    return all(setting.ends is not None for setting in _told(boot))


def _told(boot: BootSettings) -> list[Setting]:
    return [setting for setting in boot.settings if _worth_telling(setting)]


def _worth_telling(setting: Setting) -> bool:
    size = setting.key in (f"{_PREFIX}nf_conntrack_max", f"{_PREFIX}nf_conntrack_buckets")
    changes = setting.now is not None and setting.value != setting.now
    return size or setting.spoken_of or changes or bool(setting.changers or setting.warnings)


def boot_facts(boot: BootSettings) -> dict[str, Json]:
    """Give the same as JSON; a value that cannot be told is null."""
    return {
        "reader": None if boot.reader is None else boot.reader.value,
        "module": {
            "when": boot.module.when.name.lower(),
            "evidence": line_facts(boot.module.evidence),
            "parameters": [
                {"name": o.name, "value": o.value, "line": line_facts(o.given)}
                for o in boot.module.given
            ],
        },
        "settings": [setting_facts(setting, boot.by_hand) for setting in boot.settings],
        "loaders": [line_facts(one) for one in boot.loaders],
        "warnings": list(boot.warnings),
        "unread": [str(one) for one in boot.unread],
    }
