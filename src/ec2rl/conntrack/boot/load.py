"""Who loads nf_conntrack at boot: nobody where it is built in, else what modules-load.d names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ec2rl.facts import conf_files
from ec2rl.facts.modprobe_conf import CMDLINE_SIZE, module_name, named_modules
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

MODULE = "nf_conntrack"
CMDLINE = "/proc/cmdline"
MAX_MODULES = 1000


def built_in(host: Host, release: str | None) -> Evidence | bool | None:
    """What shows that the module is built in, False if it is loadable, None if nothing tells."""
    if release is not None:
        for name in ("modules.builtin", "modules.dep"):
            path = f"/lib/modules/{release}/{name}"
            text = host.read(path)
            if isinstance(text, Evidence):
                line = _line_of(text.text, "/nf_conntrack.ko")
                if line and name == "modules.builtin":
                    return Evidence(path, line)
                if line:
                    return False
    loaded = host.read("/proc/modules")
    if isinstance(loaded, Evidence) and _line_of("\n" + loaded.text, "\nnf_conntrack "):
        return False
    there = host.names(f"/sys/module/{MODULE}")
    if isinstance(there, tuple):
        # Nothing in /proc/modules, or no /proc/modules: a kernel without loadable modules.
        if isinstance(loaded, Evidence) or loaded.why is Why.ABSENT:
            return Evidence(f"/sys/module/{MODULE}", "there, and not among /proc/modules")
        return None
    return False if isinstance(loaded, Evidence) else None


def _line_of(text: str, words: str) -> str:
    at = text.find(words)
    if at < 0:
        return ""
    at += words.startswith("\n")
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[start : end if end >= 0 else len(text)][:200]


@record(frozen=True)
class Wanted:
    """The modules that systemd-modules-load is told to load; `unread` may name more."""

    modules: tuple[tuple[str, Evidence], ...]
    unread: Unreadable | None


def wanted_modules(host: Host) -> Wanted:
    """What modules-load.d and the kernel command line name."""
    modules: list[tuple[str, Evidence]] = []
    unread: Unreadable | None = None
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
        for word in cmdline.text[:CMDLINE_SIZE].split():
            key, _, value = word.partition("=")
            if key == "modules_load":
                place = Evidence(cmdline.source, word)
                modules += [(module_name(name), place) for name in value.split(",")]
    return Wanted(tuple(modules), unread)


def early(
    host: Host, release: str | None, wanted: Wanted, blacklisted: Mapping[str, str]
) -> Evidence | Unreadable | list[str]:
    """What loads the module before the sysctl files are read; else warnings about what does not.

    `blacklisted` are places of modprobe.d that forbid a module.
    """
    unread = wanted.unread
    warnings = []
    left: list[tuple[str, Evidence]] = []
    for name, evidence in wanted.modules:
        if name in blacklisted:
            place = blacklisted[name]
            warnings.append(f"{evidence.source}: {name} is not loaded, {place} blacklists it")
        elif name == MODULE:
            return evidence
        else:
            left.append((name, evidence))
    if not left:
        return unread or warnings
    dependents = _dependents(host, release)
    if isinstance(dependents, Unreadable):
        return unread or dependents
    for name, evidence in left:
        if name in dependents:
            return evidence
        if "conntrack" in name:
            warnings.append(f"{evidence.source}: no module {name} of this kernel loads {MODULE}")
    return unread or warnings


def _dependents(host: Host, release: str | None) -> set[str] | Unreadable:
    """The modules that cannot be loaded without nf_conntrack."""
    path = f"/lib/modules/{release}/modules.dep"
    text = host.read(path)
    if isinstance(text, Unreadable):
        return text
    found = set()
    for line in _lines_with(text.text, "/nf_conntrack.ko"):
        file = line.partition(":")[0].rpartition("/")[2]
        found.add(file.partition(".ko")[0].replace("-", "_"))
    return found


def _lines_with(text: str, words: str) -> Iterator[str]:
    at = text.find(words)
    while at >= 0:
        end = text.find("\n", at)
        end = end if end >= 0 else len(text)
        yield text[text.rfind("\n", 0, at) + 1 : end]
        at = text.find(words, end)
