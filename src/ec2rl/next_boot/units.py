"""The commands with which systemd starts the services that a target wants."""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why

FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where units live, the strongest folder first (systemd.unit(5))."""

MAX_UNITS = 500


def start_lines(host: Host) -> Iterator[tuple[str, Evidence | Unreadable]]:
    """Each unit with its ExecStart, ExecStartPre and ExecStartPost lines, and what was not read."""
    units = sorted(_wanted(host))
    if len(units) > MAX_UNITS:
        missing = Unreadable(FOLDERS[0], Why.PARTIAL, f"more than {MAX_UNITS} services")
        yield "systemd", missing
    for unit in units[:MAX_UNITS]:
        for text in _texts(host, unit):
            if isinstance(text, Unreadable):
                yield unit, text
                continue
            for number, line in conf_files.joined_lines(text.text):
                name, equals, _ = line.partition("=")
                if equals and name.strip() in ("ExecStart", "ExecStartPre", "ExecStartPost"):
                    yield unit, Evidence(f"{text.source}:{number}", line.strip())


def _wanted(host: Host) -> set[str]:
    found: set[str] = set()
    for folder in FOLDERS:
        inside = host.names(folder)
        for name in inside if isinstance(inside, tuple) else ():
            if name.endswith((".wants", ".requires")):
                units = host.names(f"{folder}/{name}")
                if isinstance(units, tuple):
                    found.update(unit for unit in units if unit.endswith(".service"))
    return found


def _texts(host: Host, unit: str) -> Iterator[Evidence | Unreadable]:
    """The unit's file, or its template's, and the drop-in files of it."""
    before, at, _ = unit.partition("@")
    names = (unit, f"{before}@.service") if at else (unit,)
    for name in names:
        files = (conf_files.read(host, f"{folder}/{name}") for folder in FOLDERS)
        text = next((one for one in files if one is not None), None)
        if text is not None:
            yield text
            break
    for name in names:
        yield from conf_files.merged(host, [f"{folder}/{name}.d" for folder in FOLDERS], ".conf")
