"""The udev rules that apply the sysctl files again when a module or an interface comes.

sysctl.d(5) gives one for a module as an example, 99-systemd.rules has one for interfaces. Before
Linux 5.12 the event of a module came before its keys existed, so that it worked only now and then
(commit 38dc717e9715, taken back by some stable kernels).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ec2rl.facts import conf_files, glob
from ec2rl.facts.sysctl_conf import normalize
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

_PART = r'\b([A-Z_]+(?:\{[^}"]{0,200}\})?) *([=!+:-]?=) *[ei]?"((?:[^"\\]|\\.)*)"'


@record(frozen=True)
class Reapplied:
    """A rule that runs something when a device comes; `computed` if that is systemd-sysctl.

    `prefixes` are the paths below /proc/sys that it is limited to; none means all.
    """

    place: Evidence
    computed: bool
    prefixes: tuple[str, ...]


@record(frozen=True)
class RunRules:
    """The rules that run a program, as (name, operator, value) triples, and what was not read."""

    rules: tuple[tuple[Evidence, tuple[tuple[str, str, str], ...]], ...]
    unread: Unreadable | None


def run_rules(host: Host) -> RunRules:
    """Read the rules that run a program."""
    unread: Unreadable | None = None
    found = []
    for item in conf_files.merged(host, conf_files.folders("udev/rules.d"), ".rules"):
        if isinstance(item, Unreadable):
            unread = item
            continue
        for number, line in conf_files.joined_lines(item.text):
            rule = line.strip()
            if "RUN" in rule and not rule.startswith("#"):
                place = Evidence(f"{item.source}:{number}", rule)
                found.append((place, tuple(re.findall(_PART, rule))))
    return RunRules(tuple(found), unread)


def module_rule(udev: RunRules, module: str) -> Reapplied | Unreadable | None:
    """The rule that names this module, if there is one."""
    event = {"ACTION": "add", "SUBSYSTEM": "module", "KERNEL": module}
    return next(_met(udev, event, "KERNEL"), udev.unread)


def interface_rule(udev: RunRules, interface: str) -> Reapplied | Unreadable | None:
    """The rule that applies the settings of an interface when it comes."""
    event = {"ACTION": "add", "SUBSYSTEM": "net", "KERNEL": interface}
    found = (rule for rule in _met(udev, event, "SUBSYSTEM") if rule.computed)
    return next(found, udev.unread)


def _met(udev: RunRules, event: Mapping[str, str], needed: str) -> Iterator[Reapplied]:
    """The rules that run a program at an event, and say `needed` of it."""
    for place, parts in udev.rules:
        runs = " ".join(value for name, _, value in parts if name.startswith("RUN"))
        said = any(name == needed and sign == "==" for name, sign, _ in parts)
        if runs and said and all(_meets(event, *part) for part in parts):
            yield _reapplied(place, runs, event["KERNEL"])


def _meets(event: Mapping[str, str], name: str, sign: str, value: str) -> bool:
    """Whether a condition may hold: what is not known of the event is taken to."""
    if sign not in ("==", "!=") or name not in event:
        return True
    return any(glob.matches(one, event[name]) for one in value.split("|")) is (sign == "==")


def _reapplied(place: Evidence, program: str, kernel: str) -> Reapplied:
    words = program.replace("$name", kernel).replace("%k", kernel).split()
    prefixes = tuple(
        normalize(word.partition("=")[2]) for word in words if word.startswith("--prefix=")
    )
    plain = any(word.endswith("/systemd-sysctl") for word in words)
    return Reapplied(place, plain, prefixes)
