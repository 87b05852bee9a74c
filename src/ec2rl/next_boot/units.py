"""The services that systemd starts at boot, and the commands with which it does.

A service counts if a target wants it, or a timer, a socket or another unit that counts: by a
`.wants` or `.requires` folder, or by `Wants=`, `Requires=`, `BindsTo=` and `Upholds=`
(systemd.unit(5), systemd.service(5) and systemd.timer(5) of systemd 252).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.shell import commands
from ec2rl.record import record

FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where units live, the strongest folder first (systemd.unit(5))."""

MAX_UNITS = 500

_NO_BOOT = (
    *("shutdown", "reboot", "halt", "poweroff", "kexec", "final", "umount", "rescue", "emergency"),
    *("sleep", "suspend", "hibernate", "hybrid-sleep", "suspend-then-hibernate", "soft-reboot"),
)
"""Targets that are not reached at boot (systemd.special(7))."""

_EXEC = ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost")
_PULLS = ("Wants", "Requires", "Requisite", "BindsTo", "Upholds")
_STARTS = (".timer", ".socket", ".path")
"""Units that start the service of their name, or the one that `Unit=` or `Service=` names."""


@record(frozen=True)
class Service:
    """A service that is started: its Exec lines in order, and what their variables stand for."""

    name: str
    lines: tuple[Evidence, ...]
    variables: Mapping[str, str]


def services(host: Host) -> Iterator[Service | tuple[str, Unreadable]]:
    """Yield the services that systemd starts, and what of a unit was not read."""
    waiting = sorted(_wanted(host))
    seen = set(waiting)
    done = 0
    while waiting:
        unit = waiting.pop(0)
        if done == MAX_UNITS:
            missing = Unreadable(FOLDERS[0], Why.PARTIAL, f"more than {MAX_UNITS} units")
            yield "systemd", missing
            return
        done += 1
        texts = list(_texts(host, unit))
        yield from ((unit, text) for text in texts if isinstance(text, Unreadable))
        lines = [line for text in texts if isinstance(text, Evidence) for line in _lines(text)]
        for other in _pulled(unit, lines):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
        if unit.endswith(".service") and lines:
            yield Service(unit, tuple(_started(lines)), dict(_environment(host, lines)))


def command_of(line: Evidence) -> str:
    """Give the command of an Exec line."""
    return line.text.partition("=")[2].strip()


def _lines(text: Evidence) -> Iterator[Evidence]:
    for number, line in conf_files.joined_lines(text.text):
        line = line.strip()
        if "=" in line and line[0] not in "#;":
            yield Evidence(f"{text.source}:{number}", line)


def _name(line: Evidence) -> str:
    return line.text.partition("=")[0].strip()


def _started(lines: list[Evidence]) -> list[Evidence]:
    """The Exec lines that count: an empty one takes those before it away."""
    found: list[Evidence] = []
    for line in lines:
        if _name(line) in _EXEC:
            if command_of(line):
                found.append(line)
            else:
                found = [one for one in found if _name(one) != _name(line)]
    return found


def _environment(host: Host, lines: list[Evidence]) -> Iterator[tuple[str, str]]:
    """What `Environment=` and `EnvironmentFile=` say; files that are not there say nothing."""
    files = []
    for line in lines:
        if _name(line) == "Environment":
            for command in commands(command_of(line), {}, operators=False):
                yield from (_pair(word.text) for word in command.words if word.plain)
        elif _name(line) == "EnvironmentFile":
            files.append(command_of(line).lstrip("-"))
    for path in files:
        text = conf_files.read(host, path) if path[:1] == "/" else None
        if isinstance(text, Evidence):
            for line in _lines(text):
                name, value = _pair(line.text)
                yield name, value.strip().strip("\"'")


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value


def _wanted(host: Host) -> set[str]:
    found: set[str] = set()
    for folder in FOLDERS:
        inside = host.names(folder)
        for name in inside if isinstance(inside, tuple) else ():
            target = name.rpartition(".")[0].removesuffix(".target")
            if name.endswith((".wants", ".requires")) and target not in _NO_BOOT:
                units = host.names(f"{folder}/{name}")
                if isinstance(units, tuple):
                    found.update(unit for unit in units if unit.endswith((".service", *_STARTS)))
    return found


def _pulled(unit: str, lines: list[Evidence]) -> Iterator[str]:
    """The services that come with a unit."""
    stem, dot, kind = unit.rpartition(".")
    starts = f"{dot}{kind}" in _STARTS
    named = False
    for line in lines:
        if _name(line) in _PULLS or (starts and _name(line) in ("Unit", "Service")):
            named |= _name(line) in ("Unit", "Service")
            units = command_of(line).split()
            yield from (one for one in units if one.endswith((".service", *_STARTS)))
    if starts and not named:
        yield f"{stem}.service"


def _texts(host: Host, unit: str) -> Iterator[Evidence | Unreadable]:
    """The unit's file, or its template's, and the drop-in files of it."""
    before, at, _ = unit.partition("@")
    kind = unit.rpartition(".")[2]
    names = (unit, f"{before}@.{kind}") if at else (unit,)
    for name in names:
        files = (conf_files.read(host, f"{folder}/{name}") for folder in FOLDERS)
        text = next((one for one in files if one is not None), None)
        if text is not None:
            yield text
            if isinstance(text, Evidence) and not text.text:  # masked: a link to /dev/null
                return
            break
    shared = (f"{kind}.d",) if kind == "service" else ()
    for name in (*names, *_prefixes(unit, kind), *shared):
        folder = name if name in shared else f"{name}.d"
        yield from conf_files.merged(host, [f"{one}/{folder}" for one in FOLDERS], ".conf")


def _prefixes(unit: str, kind: str) -> Iterator[str]:
    """`foo-.service.d` counts for foo-bar.service as well."""
    stem = unit.removesuffix(f".{kind}").partition("@")[0]
    for at in range(len(stem)):
        if stem[at] == "-" and at + 1 < len(stem):
            yield f"{stem[: at + 1]}.{kind}"
