"""Whether a configuration file that somebody has edited still says what it said before."""

from __future__ import annotations

from ec2rl.facts.sysctl_conf import Assignment, Reader, parse

_SYSCTL, _MODULES = "/etc/sysctl.d/", "/etc/modules-load.d/"


def still_sets(path: str, ours: str, now: str) -> bool:
    """Tell whether a text still sets all that another one did, whatever was added to it.

    False as well where that cannot be told: of another kind of file, and of patterns of keys; and
    of a text that set nothing.
    """
    if path.startswith(_MODULES):
        modules = set(_words(ours))
        return bool(modules) and modules <= set(_words(now))
    if not path.startswith(_SYSCTL):
        return False
    before, after = _settings(ours), _settings(now)
    if not before or after is None:
        return False
    return all(after.get(key) == value for key, value in before.items())


def _words(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and line[0] not in "#;"]


def _settings(text: str) -> dict[str, str | None] | None:
    """The last value of each key; None where a pattern may set any."""
    found: dict[str, str | None] = {}
    for line in parse("", text, Reader.SYSTEMD):
        if isinstance(line, Assignment):
            if line.is_pattern():
                return None
            found[line.key] = None if line.value is None else " ".join(line.value.split())
    return found
