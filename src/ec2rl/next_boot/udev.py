"""The udev rules that apply the sysctl files again when a module or an interface comes.

sysctl.d(5) gives one for a module as an example, 99-systemd.rules has one for interfaces. Before
Linux 5.12 the event of a module came before its keys existed, so that it worked only now and then
(commit 38dc717e9715, taken back by some stable kernels).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ec2rl.facts import conf_files, glob
from ec2rl.facts.sysctl_conf import normalize
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

_PART = r'\b([A-Z_]+(?:\{[^}"]{0,200}\})?) *([=!+:-]?=) *[ei]?"((?:[^"\\]|\\.)*)"'
_PROGRAM = "/systemd-sysctl"


@record(frozen=True)
class Reapplied:
    """A rule that runs something when a device comes; `computed` if that is systemd-sysctl.

    `prefixes` are the paths below /proc/sys that it is limited to; none means all.
    """

    place: Evidence
    computed: bool
    prefixes: tuple[str, ...]


@record(frozen=True)
class RunRule:
    """A rule that runs a program: where it stands, what it runs, and all its parts."""

    place: Evidence
    runs: str
    parts: tuple[tuple[str, str, str], ...]

    def says(self, name: str) -> bool:
        """Tell whether the rule is for certain values of `name` only."""
        return any(one == name and sign == "==" for one, sign, _ in self.parts)


@record(frozen=True)
class RunRules:
    """The rules that run a program, and what was not read."""

    rules: tuple[RunRule, ...]
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
                parts = tuple(re.findall(_PART, rule))
                runs = " ".join(value for name, _, value in parts if name.startswith("RUN"))
                found.append(RunRule(Evidence(f"{item.source}:{number}", rule), runs, parts))
    return RunRules(tuple(found), unread)


def module_rule(udev: RunRules, module: str) -> Reapplied | Unreadable | None:
    """Give the rule that names this module, if there is one."""
    event = {"ACTION": "add", "SUBSYSTEM": "module", "KERNEL": module}
    for rule in udev.rules:
        if rule.runs and rule.says("KERNEL") and _meets(rule, event):
            return _reapplied(rule, module)
    return udev.unread


def interface_rule(udev: RunRules, interface: str) -> Reapplied | Unreadable | None:
    """Give the rule that applies the settings of an interface when it comes."""
    event = {"ACTION": "add", "SUBSYSTEM": "net", "KERNEL": interface}
    for rule in udev.rules:
        if _PROGRAM in rule.runs and rule.says("SUBSYSTEM") and _meets(rule, event):
            return _reapplied(rule, interface)
    return udev.unread


def _meets(rule: RunRule, event: Mapping[str, str]) -> bool:
    """Whether the conditions of a rule may hold: those on what is not known are taken to."""
    return all(
        any(glob.matches(one, event[name]) for one in value.split("|")) is (sign == "==")
        for name, sign, value in rule.parts
        if sign in ("==", "!=") and name in event
    )


def _reapplied(rule: RunRule, kernel: str) -> Reapplied:
    words = rule.runs.replace("$name", kernel).replace("%k", kernel).split()
    prefixes = tuple(
        normalize(word.partition("=")[2]) for word in words if word.startswith("--prefix=")
    )
    return Reapplied(rule.place, any(word.endswith(_PROGRAM) for word in words), prefixes)
