"""What tuned makes of settings when it starts: its profile, then the sysctl files again.

tuned/plugins/plugin_sysctl.py and tuned/profiles/{loader,merger}.py of tuned 2.20: the sections of
all profiles become one, what includes another wins over it, and with `reapply_sysctl` (the default)
the files of /run/sysctl.d and /etc/sysctl.d, then /etc/sysctl.conf, are applied, line by line.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.facts.sysctl_conf import SYSCTL_CONF, Assignment, Reader, parse
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Changer
from ec2rl.next_boot.shell_values import shell_values
from ec2rl.record import replace

PROFILES = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")
REAPPLIED = ("/run/sysctl.d", "/etc/sysctl.d")
MAX_PROFILES = 16


def tuned(host: Host, rules: Rules) -> Iterator[Changer | Unreadable]:
    """Tell what tuned leaves of the settings of its profile, and of those that the files name."""
    active = conf_files.text(host, "/etc/tuned/active_profile")
    if isinstance(active, Unreadable):
        yield active
        return
    chosen: dict[str, Changer] = {}
    applies = False
    for found in _profiles(host, active.text.split()):
        if isinstance(found, Unreadable):
            yield found
        else:
            section = _sysctl_section(found[1])
            applies |= bool(section.text.strip())
            chosen.update((one.setting, one) for one in _assigned(found[0], rules, section))
    main = conf_files.text(host, "/etc/tuned/tuned-main.conf")
    said = shell_values(main).get("reapply_sysctl", ("1", active))
    if not applies or said[0].lower() not in ("1", "true", "yes", "on"):
        yield from chosen.values()
        return
    again: dict[str, Changer] = {}
    for text in _files(host):
        if isinstance(text, Unreadable):
            yield text
            chosen = {key: replace(one, value=None) for key, one in chosen.items()}
        else:
            again.update((one.setting, one) for one in _lines("tuned", rules, text))
    yield from (replace(one, note=_note(chosen.get(key))) for key, one in again.items())
    for key, one in chosen.items():
        if key not in again:
            yield replace(one, note=f"{one.note}; no sysctl file has it")


def _note(chosen: Changer | None) -> str:
    if chosen is None:
        return "it applies the sysctl files again (reapply_sysctl)"
    value = "a value" if chosen.value is None else chosen.value
    return f"{chosen.who} sets {value}, then it applies the sysctl files again (reapply_sysctl)"


def _profiles(host: Host, names: list[str]) -> Iterator[tuple[str, Evidence] | Unreadable]:
    """The profiles, those first that others include."""
    seen: set[str] = set()
    waiting = [(name, False) for name in names[:MAX_PROFILES]][::-1]
    held: dict[str, Evidence] = {}
    while waiting:
        name, included = waiting.pop()
        if included:
            yield name, held[name]
            continue
        if name in seen or "/" in name:
            continue
        if len(seen) == MAX_PROFILES:
            yield Unreadable(PROFILES[1], Why.PARTIAL, f"more than {MAX_PROFILES} profiles")
            return
        seen.add(name)
        texts = (conf_files.read(host, f"{folder}/{name}/tuned.conf") for folder in PROFILES)
        profile = next((text for text in texts if text is not None), None)
        if isinstance(profile, Unreadable):
            yield profile
        elif profile is not None:
            held[name] = profile
            include = shell_values(profile).get("include", ("",))[0]
            if "$" in include:
                yield Unreadable(profile.source, Why.PARTIAL, f"include={include} is not computed")
                include = ""
            others = include.replace(",", " ").replace(";", " ").split()
            waiting += [(name, True), *((other, False) for other in others[::-1])]


def _sysctl_section(profile: Evidence) -> Evidence:
    """The sections for sysctl, by name or `type=`; other lines are emptied: the numbers stay."""
    lines: list[str] = []
    section: list[int] = []
    is_sysctl, whole = False, profile.text.split("\n")
    for number, line in enumerate([*whole, "[]"]):
        bare = line.partition("#")[0].strip()
        if bare.startswith("["):
            if not is_sysctl:
                for one in section:
                    lines[one] = ""
            section, is_sysctl = [], bare == "[sysctl]"
            lines.append("")
            continue
        name, _, value = bare.partition("=")
        is_sysctl |= name.strip() == "type" and value.strip() == "sysctl"
        section.append(number)
        lines.append("" if name.strip() in ("type", "enabled", "replace", "devices") else bare)
    return Evidence(profile.source, "\n".join(lines))


def _assigned(name: str, rules: Rules, text: Evidence) -> Iterator[Changer]:
    for one in _lines(f"tuned profile {name}", rules, text):
        # A variable, or a limit: `>10` sets 10 where less is there.
        told = one.evidence.text.partition("=")[2].strip()
        unsure = "$" in told or told[:1] in ("<", ">")
        yield replace(one, value=None if unsure else one.value, note="applied when tuned starts")


def _lines(who: str, rules: Rules, text: Evidence) -> Iterator[Changer]:
    for item in parse(text.source, text.text, Reader.PROCPS):
        setting = rules.name(item.key) if isinstance(item, Assignment) else None
        if isinstance(item, Assignment) and setting is not None and item.value is not None:
            value = rules.value(item.value.strip("\"'"))
            yield Changer(who, setting, value, item.evidence())


def _files(host: Host) -> Iterator[Evidence | Unreadable]:
    """The files that tuned applies again; a name in /run replaces the same one in /etc."""
    yield from conf_files.merged(host, REAPPLIED, ".conf", dotfiles=True)
    yield conf_files.text(host, SYSCTL_CONF)
