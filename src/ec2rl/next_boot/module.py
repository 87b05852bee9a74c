"""When a module gets into the kernel at boot, and with which parameters.

Its sysctl keys exist from then on; systemd-sysctl runs once, right after systemd-modules-load.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import Enum

from ec2rl.facts import conf_files
from ec2rl.facts.modprobe_conf import (
    Command,
    Parameter,
    commands,
    from_command_line,
    module_name,
    parameters,
)
from ec2rl.facts.proc import release
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.initramfs import EarlyLoad, early_load
from ec2rl.next_boot.load import CMDLINE, built_in, early, wanted_modules
from ec2rl.record import record

MAX_COMMANDS = 200
MAX_WORDS = 64


class When(Enum):
    BUILT_IN = "built into the kernel"
    EARLY = "loaded before the sysctl files are read"
    LATE = "loaded after the sysctl files are read"
    UNKNOWN = "not known"


@record(frozen=True)
class Module:
    """When the module is there (`evidence` says why we think so), and what it is given.

    `install` is modprobe.d's command to run in place of loading it; `unread` may hold more
    parameters, and `unsure` is what could not be read of who loads it.
    """

    name: str
    when: When
    evidence: Evidence | None
    given: tuple[Parameter, ...]
    install: Evidence | None
    warnings: tuple[str, ...]
    unread: tuple[Unreadable, ...]
    unsure: Unreadable | None = None


def kernel_release(host: Host) -> str | None:
    """Give the release of the kernel that boots: the running one, else the only one installed."""
    running = release(host)
    if running is not None:
        return running
    installed = host.names("/lib/modules")
    return installed[0] if isinstance(installed, tuple) and len(installed) == 1 else None


def find_module(
    host: Host,
    release: str | None,
    name: str,
    known: Collection[str] | None = None,
    alike: str = "",
) -> Module:
    """Find out when a module gets into the kernel, and with which parameters.

    `known` are the parameters that it takes, if that is known: the kernel ignores others. A module
    with `alike` in its name is one that people name to load this one.
    """
    wanted = wanted_modules(host)
    ours, blacklisted, unread = _modprobe(host, name, {one for one, _ in wanted.modules})
    install = next((c.evidence() for c in ours if c.words[0] == "install"), None)
    given = [parameter for command in ours for parameter in parameters(command)]
    for owner, place in wanted.parameters:
        given += _words(place.text.split()[1:], place) if owner == name else ()
    disk = early_load(host, name)
    if isinstance(disk, EarlyLoad):
        given += _words(disk.parameters, disk.place)
    cmdline = host.read(CMDLINE)
    if isinstance(cmdline, Evidence):
        # modprobe puts these behind those of its files, and the last one counts.
        given += from_command_line(cmdline.source, cmdline.text, name)
    else:
        unread.append(cmdline)
    dead = [p for p in given if known is not None and p.name not in known]
    warnings = [
        f"{p.given.source}: {name} has no parameter {p.name}: {p.given.text!r} does nothing"
        for p in dead
    ]
    taken = tuple(p for p in given if p not in dead)
    builtin = built_in(host, release, name)
    if isinstance(builtin, Evidence):
        warnings += [
            f"{p.given.source}: {name} is built in, modprobe never loads it: "
            f"{p.given.text!r} does nothing"
            for p in taken
            if p.given.source != cmdline.source
        ]
        taken = tuple(p for p in taken if p.given.source == cmdline.source)
        return Module(name, When.BUILT_IN, builtin, taken, None, tuple(warnings), tuple(unread))
    loads = early(host, release, name, wanted, blacklisted, alike or name)
    when, evidence, unsure = When.LATE, None, None
    if isinstance(loads, Evidence):
        when, evidence = When.EARLY, loads
    elif isinstance(loads, Unreadable):
        when, unsure = When.UNKNOWN, loads
    else:
        when = When.UNKNOWN if builtin is None else When.LATE
        warnings += loads
    if when is not When.EARLY and disk is not None:
        # With its own copies of modprobe.d, and only if it was made since.
        when, unsure = When.UNKNOWN, disk if isinstance(disk, Unreadable) else unsure
        evidence = disk.place if isinstance(disk, EarlyLoad) else None
    if isinstance(disk, EarlyLoad):
        warnings += [
            f"{command.evidence().source}: counts if the initial RAM disk was made since: "
            f"{disk.place.source} has it load {name}"
            for command in ours
        ]
    return Module(name, when, evidence, taken, install, tuple(warnings), tuple(unread), unsure)


def _words(words: Collection[str], place: Evidence) -> Iterator[Parameter]:
    """Parameters that stand behind a module's name in a list of modules."""
    for word in words:
        parameter, _, value = word.partition("=")
        yield Parameter(module_name(parameter), value, place)


def _modprobe(
    host: Host, module: str, wanted: set[str]
) -> tuple[list[Command], dict[str, str], list[Unreadable]]:
    """The commands about a module, where wanted modules are blacklisted, what was not read."""
    unread: list[Unreadable] = []
    ours: list[Command] = []
    blacklisted: dict[str, str] = {}
    for item in conf_files.merged(host, conf_files.folders("modprobe.d"), ".conf"):
        if isinstance(item, Unreadable):
            unread.append(item)
            continue
        for command in commands(item.source, item.text):
            if command.concerns(module):
                if len(ours) == MAX_COMMANDS or len(command.words) > MAX_WORDS:
                    what = f"too much about {module}"
                    unread.append(Unreadable(item.source, Why.PARTIAL, what))
                    break
                ours.append(command)
            if command.words[0] == "blacklist" and len(command.words) > 1:
                name = module_name(command.words[1])
                if name in wanted:
                    blacklisted[name] = command.evidence().source
    return ours, blacklisted, unread
