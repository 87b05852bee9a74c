"""Who changes settings after the sysctl files were applied.

Only what is found on the host is told, with the file and line where it was found.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.scripts import assigned, scripts
from ec2rl.next_boot.setting import Changer


def everybody(host: Host, rules: Rules) -> Iterator[Changer | Unreadable]:
    """Everybody found who changes a wanted setting after boot, and what could not be read."""
    yield from tuned(host, rules)
    yield from ufw(host, rules)
    yield from scripts(host, rules)


def shell_values(text: Evidence | Unreadable) -> dict[str, tuple[str, Evidence]]:
    """NAME=value lines, each with the line where it stands; the last one counts."""
    found: dict[str, tuple[str, Evidence]] = {}
    if isinstance(text, Evidence):
        for number, line in enumerate(text.text.split("\n"), 1):
            name, equals, value = line.strip().partition("=")
            if equals and not name.startswith("#"):
                place = Evidence(f"{text.source}:{number}", line.strip())
                found[name.strip()] = (value.strip().strip("\"'"), place)
    return found


def ufw(host: Host, rules: Rules) -> Iterator[Changer | Unreadable]:
    """The sysctl file of its own that ufw applies when it is enabled."""
    conf = conf_files.text(host, "/etc/ufw/ufw.conf")
    if isinstance(conf, Unreadable):
        yield conf
    if shell_values(conf).get("ENABLED", ("no",))[0].lower() != "yes":
        return
    chosen = shell_values(conf_files.text(host, "/etc/default/ufw")).get("IPT_SYSCTL")
    sysctl = conf_files.text(host, chosen[0] if chosen else "/etc/ufw/sysctl.conf")
    if isinstance(sysctl, Unreadable):
        yield sysctl
    else:
        yield from assigned("ufw", rules, sysctl, "applied when ufw starts")


TUNED = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")
MAX_PROFILES = 16


def tuned(host: Host, rules: Rules) -> Iterator[Changer | Unreadable]:
    """The [sysctl] sections of tuned's active profiles, and of those that they include."""
    active = conf_files.text(host, "/etc/tuned/active_profile")
    if isinstance(active, Unreadable):
        yield active
        return
    main = shell_values(conf_files.text(host, "/etc/tuned/tuned-main.conf"))
    reapply = main.get("reapply_sysctl", ("1",))[0].lower() in ("1", "true", "yes")
    note = (
        "then the sysctl files again (reapply_sysctl)" if reapply else "applied when tuned starts"
    )
    wanted = active.text.split()[:MAX_PROFILES]
    seen: set[str] = set()
    while wanted and len(seen) < MAX_PROFILES:
        name = wanted.pop(0)
        if name in seen or "/" in name:
            continue
        seen.add(name)
        for folder in TUNED:
            profile = conf_files.read(host, f"{folder}/{name}/tuned.conf")
            if isinstance(profile, Unreadable):
                yield profile
            if profile is not None:
                break
        if isinstance(profile, Evidence):
            wanted += shell_values(profile).get("include", ("",))[0].replace(",", " ").split()
            yield from assigned(f"tuned profile {name}", rules, _sysctl_section(profile), note)


def _sysctl_section(profile: Evidence) -> Evidence:
    """The [sysctl] section of an ini file; the other lines are emptied, so that numbers stay."""
    inside, lines = False, []
    for line in profile.text.split("\n"):
        if line.startswith("["):
            inside = line.strip() == "[sysctl]"
        lines.append(line if inside and not line.startswith("[") else "")
    return Evidence(profile.source, "\n".join(lines))
