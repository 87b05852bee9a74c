"""SELinux enforces, and lacks its policy or labels: the machine or sshd does not start."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import Host, Phrase
from ec2rl.host.queries.boot_text import BootText
from ec2rl.model import (
    Evidence,
    Finding,
    FixRequest,
    Proposal,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fix_with,
    helps,
    next_step,
    say,
    see_page,
)
from ec2rl.module import BOOT, Module, Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.facts.selinux import SelinuxConfig
    from ec2rl.host.queries.boot_text import Printed
    from ec2rl.model import Fact

NAME = "selinuxpermissive"
_CONFIG, _ENFORCE = "/etc/selinux/config", "/sys/fs/selinux/enforce"
_RELABEL, _AUDIT = "/.autorelabel", "/var/log/audit/audit.log"
_LATELY, _DENIALS = 86400.0, 3
"""Seconds in which a refusal counts, and how many of them are told."""
_LABELLED = ("/etc/passwd", "/etc/ssh", "/usr/sbin/sshd", "/usr/lib/systemd/systemd")
"""What an unlabeled one of keeps a machine from starting, or people from logging in."""
_ONCE = "If that boot hangs, add enforcing=0 to the kernel's command line once"


@record(frozen=True)
class Seen:
    """The mode that files ask for, what runs, and whether policy and labels are there.

    `forced` is the mode of the command line, `runs` that of the kernel now ("" for no SELinux, None
    where nobody can tell); `policy` is whether the policy's folder has one; `bare` are files
    without a label, `relabels` whether the next boot labels all; `printed` is a console's text.
    `denied` are lines of the last day in which audit tells that sshd was refused something.
    """

    config: SelinuxConfig | Unreadable
    printed: Printed | None = None
    forced: str = ""
    runs: str | None = None
    policy: bool | Unreadable = True
    bare: tuple[str, ...] = ()
    unread: Unreadable | None = None
    relabels: bool = False
    release: str = ""
    denied: tuple[str, ...] = ()


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read the configuration; where it enforces, look for the policy and for labels."""
    text = host.read(_CONFIG)
    if isinstance(text, Unreadable):
        printed = None if host.is_live else host.query(BootText())
        return Seen(text, None if isinstance(printed, Unreadable) else printed)
    from ec2rl.facts.selinux import ENFORCING, forced_mode, parse_config

    config = parse_config(text.text)
    line = host.read("/proc/cmdline")
    forced = "" if isinstance(line, Unreadable) else forced_mode(line.text)
    seen = Seen(config, forced=forced, runs=_running(host) if host.is_live else None)
    release = host.read("/proc/sys/kernel/osrelease") if host.is_live else None
    seen = replace(seen, release=release.text.strip() if isinstance(release, Evidence) else "")
    if ENFORCING not in (forced or config.mode, seen.runs):
        return seen
    return _with_labels(host, seen, config)


def _running(host: Host) -> str | None:
    from ec2rl.facts.selinux import ENFORCING, PERMISSIVE

    found = host.read(_ENFORCE)
    if isinstance(found, Unreadable):
        return "" if found.why is Why.ABSENT else None
    return {"1": ENFORCING, "0": PERMISSIVE}.get(found.text.strip())


def _with_labels(host: Host, seen: Seen, config: SelinuxConfig) -> Seen:
    from ec2rl.host.queries.path_status import Lstat, PathStatus
    from ec2rl.host.queries.selinux_label import NONE, SelinuxLabel

    names = host.names(f"/etc/selinux/{config.type}/policy")
    policy: bool | Unreadable = True
    if isinstance(names, Unreadable):
        policy = False if names.why is Why.ABSENT else names
    else:
        policy = any(name.startswith("policy.") and name[7:].isdigit() for name in names)
    bare: list[str] = []
    unread = None
    for path in _LABELLED:
        label = host.query(SelinuxLabel(path))
        if isinstance(label, Evidence):
            bare += [path] if label.text.strip() == NONE else []
        elif label.why is not Why.ABSENT:
            unread = label
    relabels = isinstance(host.query(Lstat(_RELABEL)), PathStatus)
    denied = tuple(_denials(host))[-_DENIALS:]
    return replace(seen, policy=policy, bare=tuple(bare), unread=unread, relabels=relabels,
                   denied=denied)  # fmt: skip


def _denials(host: Host) -> Iterator[str]:
    """Give the refusals of sshd that audit wrote down of late; root alone writes that file."""
    (found,) = host.search((_AUDIT,), (Phrase(b"avc:  denied "),))
    now = host.clock().now
    for line in () if isinstance(found, Unreadable) else found.lines:
        stamp = line.text.partition("audit(")[2].partition(":")[0].partition(".")[0]
        is_late = stamp.isascii() and stamp.isdigit() and len(stamp) < 12
        is_late = is_late and 0 <= now - int(stamp) < _LATELY
        if is_late and ' comm="sshd' in line.text and "permissive=1" not in line.text:
            yield line.text.strip()[:300]


def judge(seen: Seen) -> Finding:
    """Judge by what the next boot will enforce, and whether it has what it needs for that."""
    if seen.printed is not None:
        return _shown(seen.printed)
    config = seen.config
    if isinstance(config, Unreadable):
        if config.why is Why.ABSENT:
            said = say("There is no SELinux here: no {path}", path=_CONFIG)
            return Finding(Verdict.NOT_APPLICABLE, said)
        return _unknown(say("{why}", why=config))
    from ec2rl.facts.selinux import DISABLED, ENFORCING, PERMISSIVE

    mode = seen.forced or config.mode
    facts: dict[str, Fact] = {"configured": config.mode or None, "forced": seen.forced or None,
                              "runs": seen.runs, "unlabeled": list(seen.bare),
                              "policy": seen.policy is True, "relabels": seen.relabels}  # fmt: skip
    notes = (say("The next boot labels all files, and restarts ({path})", path=_RELABEL),)
    if ENFORCING in (mode, seen.runs):
        found = _enforcing(seen, config, notes if seen.relabels else ())
        if found is not None:
            return replace(found, facts=facts)
    if not config.mode:
        words = "{path} names no mode that SELinux knows: it keeps the one that it was built with"
        said = say(words, path=_CONFIG)
        return Finding(Verdict.WARNING, said, (see_page(NAME),), facts=facts)
    if seen.runs is not None and seen.runs != mode and (seen.runs or mode != DISABLED):
        words = "SELinux {is} {runs}, and the next boot makes it {mode}"
        said = say(words, runs=seen.runs or "off", mode=mode)
        rest = (say("{path} says {mode}", path=_CONFIG, mode=config.mode), see_page(NAME))
        return Finding(Verdict.WARNING, said, rest, facts=facts)
    if mode == DISABLED and not seen.forced and _cannot_disable(seen.release):
        words = (
            "SELINUX=disabled no longer switches SELinux off: kernels from 6.4 on need selinux=0"
        )
        how = helps(say("What helps: selinux=0 on the kernel's command line, or permissive"))
        return Finding(Verdict.WARNING, say(words), (how, see_page(NAME)), facts=facts)
    told = {ENFORCING: "it enforces, and has its policy and labels", PERMISSIVE: "it is permissive",
            DISABLED: "it is switched off"}  # fmt: skip
    said = say("SELinux keeps nothing from starting: {why}.", why=told[mode])
    return Finding(Verdict.OK, said, notes if seen.relabels else (), facts=facts)


def _enforcing(seen: Seen, config: SelinuxConfig, notes: tuple[Statement, ...]) -> Finding | None:
    # A kernel that has no SELinux now may have none at all: then nothing comes of it.
    verdict = Verdict.WARNING if seen.runs == "" else Verdict.PROBLEM
    if seen.policy is False:
        words = "SELinux is to enforce, and its policy is missing: the next boot stops ({folder})"
        said = say(words, folder=f"/etc/selinux/{config.type}/policy")
        told = "What helps: reinstall the package selinux-policy-{type}, or make it permissive"
        how = helps(say(told, type=config.type))
        return Finding(verdict, said, (how, fix_with(NAME), see_page(NAME)))
    if seen.bare and seen.relabels:
        words = "Files without a label will be labelled at the next boot: {files:, }"
        said = say(words, files=seen.bare)
        return Finding(Verdict.WARNING, said, (say("{once}", once=_ONCE), see_page(NAME)))
    if seen.bare:
        words = "SELinux is to enforce, and files that logins need have no label: {files:, }"
        said = say(words, files=seen.bare)
        how = helps(say("What helps: touch /.autorelabel: the next boot labels all files"))
        return Finding(verdict, said, (how, fix_with(NAME), see_page(NAME)))
    lost = seen.unread or (seen.policy if isinstance(seen.policy, Unreadable) else None)
    if lost is not None:
        return _unknown(say("{why}", why=lost))
    if seen.denied:
        said = say("SELinux refused sshd something in its last day: {line}", line=seen.denied[-1])
        rest = tuple(say("{line}", line=line) for line in seen.denied[:-1])
        how = helps(say("What helps: restorecon -Rv /etc/ssh /home; ausearch -m avc -c sshd"))
        return Finding(Verdict.WARNING, said, (*rest, how, see_page(NAME)))
    return None


def _cannot_disable(release: str) -> bool:
    """Whether a kernel has no runtime switch any more (commit of March 2023, Linux 6.4)."""
    numbers = [one for one in release.split("-")[0].split(".")[:2] if one.isdigit()]
    return len(numbers) == 2 and (int(numbers[0]), int(numbers[1])) >= (6, 4)


def _unknown(why: Statement) -> Finding:
    said = say("Cannot tell whether SELinux keeps anything from starting: {why}", why=why)
    return Finding(Verdict.UNKNOWN, said, (next_step("Next: {collect_all}"),))


def _shown(printed: Printed) -> Finding:
    """What a console tells of the last boot."""
    from ec2rl.facts.boot.story import read_boots
    from ec2rl.facts.boot.wording import Stage

    boots = [one for one in read_boots(printed.text) if not one.is_crash_kernel]
    told = boots[-1].of("selinux") if boots else ()
    if told and boots[-1].stops:
        words = "The last boot stopped because SELinux could not load its policy: {line}"
        verdict = Verdict.PROBLEM if printed.kind != "unknown" else Verdict.WARNING
        said = say(words, line=told[0].line.text)
        how = helps(say("What helps: enforcing=0 on the kernel's command line once; then reinstall "
                        "the policy, and touch /.autorelabel"))  # fmt: skip
        quote = Evidence(f"{printed.path}:{told[0].line.number}", told[0].line.text)
        return Finding(verdict, said, (how, see_page(NAME)), (quote,))
    if boots and boots[-1].stage is Stage.REACHED:
        return Finding(Verdict.OK, say("SELinux did not stop the last boot: it came up."))
    return _unknown(say("{path} does not tell", path=printed.path))


def propose(host: Host, seen: Seen, request: FixRequest) -> Proposal:
    """Plan a boot that refuses nothing; the mark that labels all files is a person's to make.

    It lies in the root itself, where this program makes no file (docs/decisions/0050).
    """
    from ec2rl.model import Remedy, Risk
    from ec2rl.remedies import EditLines, Lines

    config = seen.config
    is_needed = seen.policy is False or (seen.bare and not seen.relabels)
    if isinstance(config, Unreadable) or not is_needed:
        return Proposal()
    root = "" if host.is_live else "FOLDER"
    mark = f"touch {root}{_RELABEL}"
    if not request.boot or config.mode != "enforcing":
        return Proposal(refused=("it counts at the next boot alone",), by_hand=(mark,))
    old = config.text.removesuffix("\r")
    edit = EditLines(_CONFIG, (Lines(config.number, (old,), ("SELINUX=permissive",)),))
    caveat = "nothing is refused by SELinux any more, until it enforces again"
    remedy = Remedy("Let the machine start, with SELinux permissive", (edit,), Risk.RISKY, caveat)
    safe = f"Safer, where only labels are missing: {mark} alone labels all files at the next boot"
    then = f"Then label all files ({mark}), restart, and let it enforce again"
    notes = (safe, _ONCE) if seen.policy is not False else (then,)
    sed = f"sed -i 's/^SELINUX=.*/SELINUX=permissive/' {root}{_CONFIG}"
    return Proposal((remedy,), notes=notes, by_hand=(sed, mark) if host.is_live else ())


MODULE = Module(
    name=NAME,
    title="SELinux keeps nothing from starting",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="nothing",
    propose=propose,
    by_hand=lambda _: ("sestatus", "ls -Zd /etc/passwd /etc/ssh /usr/sbin/sshd", "ausearch -m avc"),
    rank=BOOT,
)
