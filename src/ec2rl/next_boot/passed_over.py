"""Files among the drop-in files that nobody reads, because of their names, and that mean something.

sysctl.d(5), modules-load.d(5) and modprobe.d(5): only names that end with `.conf` count.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.facts.modprobe_conf import commands, module_name, named_modules
from ec2rl.facts.sysctl_conf import Assignment, Reader, parse
from ec2rl.host import Host
from ec2rl.model import Evidence
from ec2rl.next_boot.drop_in import KINDS
from ec2rl.next_boot.init_system import Init, init_system
from ec2rl.next_boot.load import MODULES
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Idle

MAX_FILES = 100
"""Files with other names in one folder that are looked at."""


def passed_over(host: Host, rules: Rules) -> Iterator[Idle]:
    """Yield the first line of each such file that is about a wanted setting or its module."""
    for kind in ("sysctl.d", "modules-load.d", "modprobe.d"):
        for folder in conf_files.folders(kind):
            names = host.names(folder)
            others = [
                name
                for name in (names if isinstance(names, tuple) else ())
                if not name.endswith(KINDS[kind]) or name.startswith(".")
            ]
            for name in others[:MAX_FILES]:
                text = conf_files.read(host, f"{folder}/{name}")
                line = _first(kind, text, rules) if isinstance(text, Evidence) else None
                if line is not None:
                    yield Idle(line, f"not read at boot, the name does not end with {KINDS[kind]}")
    yield from _etc_modules(host, rules)


def _first(kind: str, text: Evidence, rules: Rules) -> Evidence | None:
    if kind == "sysctl.d":
        items = parse(text.source, text.text, Reader.SYSTEMD)
        found = (one for one in items if isinstance(one, Assignment) and rules.name(one.key))
        return next((one.evidence() for one in found if one.value is not None), None)
    if kind == "modules-load.d":
        named = named_modules(text.source, text.text)
        return next((place for name, place in named if rules.brings(name)), None)
    told = commands(text.source, text.text)
    found_here = (one for one in told if one.words[0] in ("options", "install"))
    return next(
        (
            one.evidence()
            for one in found_here
            if len(one.words) > 1 and rules.brings(module_name(one.words[1]))
        ),
        None,
    )


def _etc_modules(host: Host, rules: Rules) -> Iterator[Idle]:
    """/etc/modules where systemd is, and no link among modules-load.d leads to it."""
    if init_system(host) is not Init.SYSTEMD:
        return
    text = conf_files.text(host, MODULES)
    for name, place in named_modules(MODULES, text.text) if isinstance(text, Evidence) else ():
        if rules.brings(name):
            folder = "/etc/modules-load.d"
            names = host.names(folder)
            there = [f"{folder}/{one}" for one in (names if isinstance(names, tuple) else ())]
            if not any(conf_files.final(host, one) == MODULES for one in there[:MAX_FILES]):
                yield Idle(place, f"not read at boot, no link in {folder} leads to {MODULES}")
            return
