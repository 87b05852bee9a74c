"""A case's answers: what a module says of the machine, the plan of its fix, and the state after it.

A case ends with its answers, in this order; the first one is always there:

    -- expect --
    what the module says of the machine
    -- plan --
    the plan of its fix; `-- plan: --set max=524288 --risky --` is asked for with these options
    -- after --
    what the module says once the plan has been carried out
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from ec2rl.arguments import parse
from ec2rl.catalogue import load
from ec2rl.commands import all_commands
from ec2rl.commands.fix import request_of
from ec2rl.facts.change import State, SysctlItem, Transaction
from ec2rl.facts.change_format import encode
from ec2rl.host import BOOT_ID, KMSG
from ec2rl.host.caching import CachingHost
from ec2rl.host.recording import CaseError, RecordedHost, sections
from ec2rl.model import Finding, Proposal
from ec2rl.module import Module, diagnose
from ec2rl.remedies import EditLines, SetSysctl, WriteFile
from ec2rl.report.plan import plan
from ec2rl.report.wording import details, summary

CHANGES, SYS = "/var/lib/ec2rl/changes", "/proc/sys/"

_LOOK = (
    r"(later: )*(netns /[^:]+: )?((ls |link |inode |search )?/.+|search .+|clock|journal|dmesg)"
    r"|options|gaps|cut"
)
"""What stands above a look, or above what else a recording holds (host/recording.py)."""

CASES = sorted((Path(__file__).parent.parent / "modules").glob("*/*.case"))


def told(name: str, finding: Finding) -> str:
    lines = [f"{finding.verdict.name} {name}: {summary(finding)}"]
    return "\n".join(lines + [f"-- {detail}" for detail in details(finding)])


def answered(text: str, name: str) -> str:
    """The whole text of a case of the module `name`, with the answers that it gives today."""
    head, wanted = _split(text)
    looks = sections(head.removesuffix("\n"))[1]
    module, host = load(name), CachingHost(RecordedHost(looks), recording=True)
    found = diagnose(module, host)
    for key in looks:  # other questions (host/queries) are known by being asked
        what = key.partition("; ")[0]
        if not re.fullmatch(_LOOK, what) and what not in host.memory:
            raise CaseError(f"unknown section -- {key} --: no look, no answer, and nobody asks it")
    read = frozenset(host.memory)
    answers = {"expect": told(name, found.finding)}
    for key in wanted:
        kind, _, options = key.partition(":")
        if kind == "plan":
            if module.propose is None:
                raise CaseError(f"-- {key} --: {name} has no fix")
            request = request_of(parse(["fix", name, *options.split()], all_commands()), module)
            proposal = module.propose(host, found.seen, request)
            answers[key] = plan(proposal).partition("\n\n")[2].strip("\n")
            _has_what_is_planned(looks, module, read, answers[key])
        elif kind == "after":
            carried_out = RecordedHost(_after(looks, name, proposal))
            answers[key] = told(name, diagnose(module, carried_out).finding)
    return head + "".join(f"-- {key} --\n{_guarded(body)}\n" for key, body in answers.items())


def _split(text: str) -> tuple[str, list[str]]:
    """What a case says of its machine, and the keys of the answers that it has."""
    lines = text.split("\n")
    keys = [(n, line[3:-3]) for n, line in enumerate(lines) if _is_section(line)]
    if "expect" not in [key for _, key in keys]:
        raise CaseError("a case has an -- expect -- section, behind what was looked at")
    first = next(at for at, (_, key) in enumerate(keys) if key == "expect")
    wanted = [key for _, key in keys[first:]]
    kinds = [key.partition(":")[0] for key in wanted]
    if kinds not in (["expect"], ["expect", "plan"], ["expect", "plan", "after"]):
        raise CaseError(f"a case ends with expect, plan, after; this one with {', '.join(wanted)}")
    return "\n".join(lines[: keys[first][0]]) + "\n", wanted


def _has_what_is_planned(
    looks: Mapping[str, str], module: Module, read: Collection[str], told: str
) -> None:
    """CaseError where the case does not say today's value of a setting that its plan rests on.

    That is one that the module has `read`, or that the plan speaks of; what is absent on purpose
    says `!absent`.
    """
    for setting in module.settings:
        own = SYS + setting.key.replace(".", "/")
        known = any(path == own or _is_second_name(path, own) for path in looks)
        if not known and (own in read or re.search(rf"{re.escape(setting.key)}\b", told)):
            raise CaseError(f"a plan, and the case lacks -- {own} --: today's value, or !absent")


def _after(looks: dict[str, str], name: str, proposal: Proposal) -> dict[str, str]:
    """The machine with every change of a plan made, and the record of what runs."""
    looks = dict(looks)
    items = []
    for change in (change for remedy in proposal.chosen for change in remedy.changes):
        if isinstance(change, SetSysctl):
            own = f"/proc/sys/{change.key.replace('.', '/')}"
            for path in (own, *(path for path in looks if _is_second_name(path, own))):
                looks[path] = change.value
            items.append(_item(looks, change))
        elif isinstance(change, EditLines):
            lines: list[str] = looks[change.path].split("\n")
            for edit in sorted(change.edits, key=lambda edit: -edit.first):
                lines[edit.first - 1 : edit.first - 1 + len(edit.old)] = edit.new
            looks[change.path] = "\n".join(lines)
        else:
            assert isinstance(change, WriteFile), "a case knows settings, lines and files alone"
            looks[change.path] = (
                "!absent" if change.text is None else change.text.removesuffix("\n")
            )
    if items:
        number = sum(path.startswith(CHANGES) for path in looks) + 1
        boot = looks.setdefault(BOOT_ID, "11111111-1111-1111-1111-111111111111")
        now = RecordedHost(looks).clock().now
        why, done = f"fix {name}", tuple(items)
        made = Transaction(number, State.APPLIED, why, now, boot, "2", done, module=name)
        looks[f"{CHANGES}/{number}.json"] = encode(made).decode().removesuffix("\n")
    return looks


def _is_second_name(path: str, own: str) -> bool:
    """Whether a path is that of a setting in a folder above its own, as some have one."""
    folder, _, name = path.rpartition("/")
    return own.startswith(f"{folder}/") and own.endswith(f"/{name}") and path.startswith(SYS)


def _item(looks: dict[str, str], change: SetSysctl) -> SysctlItem:
    stamps = re.findall(r"^\d+,\d+,(\d+),", looks.get(KMSG, ""), re.MULTILINE)
    log_end = max(map(int, stamps), default=None)
    return SysctlItem(change.key, change.before, change.value, change.value, log_end)


def _is_section(line: str) -> bool:
    return line.startswith("-- ") and line.endswith(" --")


def _guarded(body: str) -> str:
    """Mark the lines that would be read as something else."""
    return "\n".join(
        "\\" + line if _is_section(line) or line.startswith("\\") else line
        for line in body.split("\n")
    )
