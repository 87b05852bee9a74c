"""Who loads a module at boot: nobody where it is built in, else what modules-load.d names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ec2rl.facts import conf_files
from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.facts.modprobe_conf import module_name, named_modules
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.init_system import Init, in_runlevel, init_system
from ec2rl.next_boot.shell_values import shell_values
from ec2rl.record import record

CMDLINE = "/proc/cmdline"
MODULES = "/etc/modules"
MAX_MODULES = 1000


def built_in(host: Host, release: str | None, module: str) -> Evidence | bool | None:
    """Tell what shows that a module is built in, False if it is loadable, None if nothing tells."""
    if release is not None:
        for name in ("modules.builtin", "modules.dep"):
            path = f"/lib/modules/{release}/{name}"
            text = host.read(path)
            if isinstance(text, Evidence):
                line = next(_lines_of(text.text, module), "")
                if line and name == "modules.builtin":
                    return Evidence(path, line[:200])
                if line:
                    return False
    loaded = host.read("/proc/modules")
    if isinstance(loaded, Evidence) and f"\n{module} " in f"\n{loaded.text}":
        return False
    there = host.names(f"/sys/module/{module}")
    if isinstance(there, tuple):
        # Nothing in /proc/modules, or no /proc/modules: a kernel without loadable modules.
        if isinstance(loaded, Evidence) or loaded.why is Why.ABSENT:
            return Evidence(f"/sys/module/{module}", "there, and not among /proc/modules")
        return None
    return False if isinstance(loaded, Evidence) else None


@record(frozen=True)
class Wanted:
    """The modules that are loaded right before the sysctl files; `unread` may name more.

    `parameters` are those that lines of /etc/modules give: module, words, place.
    """

    modules: tuple[tuple[str, Evidence], ...]
    unread: Unreadable | None
    parameters: tuple[tuple[str, Evidence], ...] = ()


def wanted_modules(host: Host) -> Wanted:
    """Give what modules-load.d, the command line and, without systemd, /etc/modules name."""
    own = list(_init_modules(host))
    modules: list[tuple[str, Evidence]] = [one for one in own if not isinstance(one, Unreadable)]
    unread: Unreadable | None = next((one for one in own if isinstance(one, Unreadable)), None)
    for item in conf_files.merged(host, conf_files.folders("modules-load.d"), ".conf"):
        if isinstance(item, Unreadable):
            unread = item
            continue
        for named in named_modules(item.source, item.text):
            if len(modules) == MAX_MODULES:
                unread = Unreadable(item.source, Why.PARTIAL, "too many modules")
                break
            modules.append(named)
    cmdline = host.read(CMDLINE)
    if isinstance(cmdline, Evidence):
        for word in arguments(cmdline.text):
            if word.name == "modules_load":
                place = Evidence(cmdline.source, word.text)
                modules += [(module_name(name), place) for name in (word.value or "").split(",")]
    given = tuple((name, place) for name, place in modules if place.source.startswith(MODULES))
    return Wanted(tuple(modules), unread, given)


def _init_modules(host: Host) -> Iterator[tuple[str, Evidence] | Unreadable]:
    """What init scripts load: /etc/modules, and on Gentoo `modules=` in /etc/conf.d/modules.

    Alpine's `modules` (main/openrc/modules.initd) and Debian's kmod read the former, with
    parameters behind a name; OpenRC's own (init.d/modules.in, 0.45) the latter alone.
    """
    init = init_system(host)
    if init in (Init.SYSTEMD, Init.UNKNOWN):
        return
    if init is Init.OPENRC and not in_runlevel(host, "modules"):
        return
    script = conf_files.text(host, "/etc/init.d/modules")
    settings = conf_files.text(host, "/etc/conf.d/modules")
    if isinstance(script, Unreadable) or not script.text or f"{MODULES} " in script.text:
        yield from _etc_modules(conf_files.text(host, MODULES))
    if isinstance(settings, Unreadable):
        yield settings
    for name, (value, place) in shell_values(settings).items():
        if name == "modules" or name.startswith("modules_"):
            yield from ((module_name(word), place) for word in value.split())


def _etc_modules(text: Evidence | Unreadable) -> Iterator[tuple[str, Evidence] | Unreadable]:
    if isinstance(text, Unreadable):
        yield text
        return
    for number, line in enumerate(text.text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if words:
            yield module_name(words[0]), Evidence(f"{MODULES}:{number}", " ".join(words))


def early(
    host: Host,
    release: str | None,
    module: str,
    wanted: Wanted,
    blacklisted: Mapping[str, str],
    alike: str,
) -> Evidence | Unreadable | list[str]:
    """Tell what loads the module before the sysctl files are read.

    Else warnings about what does not.

    `blacklisted` are places of modprobe.d that forbid a module; a module with `alike` in its name
    was meant to load this one.
    """
    unread = wanted.unread
    warnings = []
    left: list[tuple[str, Evidence]] = []
    for name, evidence in wanted.modules:
        if name in blacklisted:
            place = blacklisted[name]
            warnings.append(f"{evidence.source}: {name} is not loaded, {place} blacklists it")
        elif name == module:
            return evidence
        else:
            left.append((name, evidence))
    if not left:
        return unread or warnings
    dependents = _dependents(host, release, module)
    if isinstance(dependents, Unreadable):
        return unread or dependents
    for name, evidence in left:
        if name in dependents:
            return evidence
        if alike in name:
            warnings.append(f"{evidence.source}: no module {name} of this kernel loads {module}")
    return unread or warnings


def _dependents(host: Host, release: str | None, module: str) -> set[str] | Unreadable:
    """The modules that cannot be loaded without this one."""
    path = f"/lib/modules/{release}/modules.dep"
    text = host.read(path)
    if isinstance(text, Unreadable):
        return text
    files = (line.partition(":")[0].rpartition("/")[2] for line in _lines_of(text.text, module))
    return {module_name(file.partition(".ko")[0]) for file in files}


def _lines_of(text: str, module: str) -> Iterator[str]:
    """The lines that name the module's file, which may have `-` for `_`."""
    plain, words = module_name(text), f"/{module}.ko"
    at = plain.find(words)
    while at >= 0:
        end = text.find("\n", at)
        end = end if end >= 0 else len(text)
        yield text[text.rfind("\n", 0, at) + 1 : end]
        at = plain.find(words, end)
