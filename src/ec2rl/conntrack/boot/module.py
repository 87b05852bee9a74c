"""When nf_conntrack gets into the kernel at boot, and with which sizes.

Its sysctl keys exist from then on; systemd-sysctl runs once, right after systemd-modules-load.
"""

from __future__ import annotations

from enum import Enum

from ec2rl.conntrack.boot.load import CMDLINE, MODULE, built_in, early, wanted_modules
from ec2rl.conntrack.defaults import (
    PAGE,
    Rule,
    Sizes,
    default_sizes,
    hashsize_sizes,
    page_size,
    rule,
)
from ec2rl.facts import conf_files
from ec2rl.facts.modprobe_conf import (
    Command,
    Parameter,
    commands,
    from_command_line,
    kernel_uint,
    module_name,
    parameters,
)
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

PARAMETERS = (
    "hashsize",
    "expect_hashsize",
    "acct",
    "tstamp",
    "nf_conntrack_helper",
    "enable_hooks",
)
"""What the module takes, from 4.4 to 7.2; the kernel ignores all others with a log line."""


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

    when: When
    evidence: Evidence | None
    given: tuple[Parameter, ...]
    install: Evidence | None
    warnings: tuple[str, ...]
    unread: tuple[Unreadable, ...]
    unsure: Unreadable | None = None


def kernel_release(host: Host) -> str | None:
    """The release of the kernel that boots: the running one, else the only one installed."""
    running = host.read("/proc/sys/kernel/osrelease")
    if isinstance(running, Evidence):
        return running.text.strip()
    installed = host.names("/lib/modules")
    return installed[0] if isinstance(installed, tuple) and len(installed) == 1 else None


def look(host: Host, release: str | None) -> Module:
    """Find out when the module gets into the kernel, and with which parameters."""
    wanted = wanted_modules(host)
    ours, blacklisted, unread = _modprobe(host, {name for name, _ in wanted.modules})
    install = next((c.evidence() for c in ours if c.words[0] == "install"), None)
    given = [parameter for command in ours for parameter in parameters(command)]
    cmdline = host.read(CMDLINE)
    if isinstance(cmdline, Evidence):
        # modprobe puts these behind those of its files, and the last one counts.
        given += from_command_line(cmdline.source, cmdline.text, MODULE)
    else:
        unread.append(cmdline)
    warnings = [
        f"{p.given.source}: {MODULE} has no parameter {p.name}: {p.given.text!r} does nothing"
        for p in given
        if p.name not in PARAMETERS
    ]
    known = tuple(p for p in given if p.name in PARAMETERS)
    builtin = built_in(host, release)
    if isinstance(builtin, Evidence):
        from_files = [p for p in known if p.given.source != cmdline.source]
        warnings += [
            f"{p.given.source}: {MODULE} is built in, modprobe never loads it: "
            f"{p.given.text!r} does nothing"
            for p in from_files
        ]
        known = tuple(p for p in known if p.given.source == cmdline.source)
        return Module(When.BUILT_IN, builtin, known, None, tuple(warnings), tuple(unread))
    loads = early(host, release, wanted, blacklisted)
    when, evidence, unsure = When.LATE, None, None
    if isinstance(loads, Evidence):
        when, evidence = When.EARLY, loads
    elif isinstance(loads, Unreadable):
        when, unsure = When.UNKNOWN, loads
    else:
        when = When.UNKNOWN if builtin is None else When.LATE
        warnings += loads
    return Module(when, evidence, known, install, tuple(warnings), tuple(unread), unsure)


def _modprobe(
    host: Host, wanted: set[str]
) -> tuple[list[Command], dict[str, str], list[Unreadable]]:
    """The commands about nf_conntrack, where wanted modules are blacklisted, what was not read."""
    unread: list[Unreadable] = []
    ours: list[Command] = []
    blacklisted: dict[str, str] = {}
    for item in conf_files.merged(host, conf_files.folders("modprobe.d"), ".conf"):
        if isinstance(item, Unreadable):
            unread.append(item)
            continue
        for command in commands(item.source, item.text):
            if command.concerns(MODULE):
                if len(ours) == MAX_COMMANDS or len(command.words) > MAX_WORDS:
                    what = f"too much about {MODULE}"
                    unread.append(Unreadable(item.source, Why.PARTIAL, what))
                    break
                ours.append(command)
            if command.words[0] == "blacklist" and len(command.words) > 1:
                name = module_name(command.words[1])
                if name in wanted:
                    blacklisted[name] = command.evidence().source
    return ours, blacklisted, unread


@record(frozen=True)
class Start:
    """The sizes that the table has before any sysctl file: None where that is not known."""

    sizes: Sizes | None
    because: str
    evidence: Evidence | None
    page: int | None


def start(host: Host, release: str | None, module: Module) -> Start:
    """The sizes with which the module comes up."""
    meminfo = host.read("/proc/meminfo")
    page = page_size(meminfo.text) if isinstance(meminfo, Evidence) else None
    if module.unread:
        what = "; ".join(str(item) for item in module.unread)
        return Start(None, f"a hashsize option may stand in what was not read: {what}", None, page)
    for parameter in reversed(module.given):
        if parameter.name == "hashsize":
            value = kernel_uint(parameter.value)
            if value is None:
                why = f"{parameter.value!r} is no hashsize: the module refuses to load"
                return Start(None, why, parameter.given, page)
            if value == 0:
                break
            because = "hashsize: max is 8 x buckets"
            return Start(hashsize_sizes(value, page or PAGE), because, parameter.given, page)
    if isinstance(meminfo, Unreadable):
        return Start(None, f"the memory is not known: {meminfo}", None, page)
    statistics = host.read("/proc/net/stat/nf_conntrack")
    found = rule(release, statistics.text if isinstance(statistics, Evidence) else None)
    words = meminfo.text.split(maxsplit=2)
    if found is None or words[:1] != ["MemTotal:"] or not words[1].isdecimal():
        return Start(None, "the default of this kernel is not known", None, page)
    sizes = default_sizes(int(words[1][:15]) << 10, found, page or PAGE)
    told = "max = buckets" if found is Rule.X1 else "max = 4 x buckets"
    because = f"default of this kernel for {words[1]} kB of memory, {told}"
    return Start(sizes, because, Evidence("/proc/meminfo", meminfo.text.split("\n", 1)[0]), page)
