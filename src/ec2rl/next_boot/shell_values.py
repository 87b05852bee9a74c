"""Files of settings that a shell, or one that reads like it, takes as `NAME=value` lines."""

from __future__ import annotations

from ec2rl.model import Evidence, Unreadable


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
