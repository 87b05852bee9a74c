"""A boot waits, or waited long, for something that does not come: which unit, and how long."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.host.queries.boot_times import BootTimes
from ec2rl.model import (
    Evidence,
    Finding,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    helps,
    next_step,
    say,
    see_page,
)
from ec2rl.module import Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.boot_waits import Wait
    from ec2rl.model import Fact

NAME = "bootwaits"
_SLOW = 60.0
"""Seconds of userspace from which on the journal is asked what took them."""
_STUCK = 600.0
_NAMED = 4
_HELP = (
    (("wait-online", "Wait for Network", "Network Manager Wait"),
     "What helps: a card that nobody configures keeps it waiting: RequiredForOnline=no in its "
     ".network file, or --any; networkctl tells which"),
    (("cloud-", "Cloud-init", "Execute cloud", "Apply the settings"),
     "What helps: see cloudinitfailed; user data that runs long belongs into a unit of its own"),
    (("resume=",),
     "What helps: take resume= from the kernel's command line, and RESUME=none into "
     "/etc/initramfs-tools/conf.d/resume: instances do not hibernate to a swap that is gone"),
    (("ryptograph", "cryptsetup", "ask-password"),
     "What helps: nobody types a passphrase there: a key file in /etc/crypttab, or nofail"),
    ((".device", "/dev/", "dev-"),
     "What helps: see fstabfailures; nofail,x-systemd.device-timeout=10s in its line of fstab"),
    ((".mount", "NFS", "nfs"),
     "What helps: _netdev,nofail,x-systemd.automount in its line of /etc/fstab"),
)  # fmt: skip


@record(frozen=True)
class Seen:
    """What was waited for, and how long all of it took (seconds, None where nothing tells).

    `source` is where that stands, Unreadable where nothing tells; `jobs` are units that are being
    started now, `uptime` is how long, None for a boot that is over.
    """

    source: str | Unreadable
    waits: tuple[Wait, ...] = ()
    whole: float | None = None
    is_up: bool = True
    jobs: tuple[str, ...] = ()
    uptime: float | None = None
    is_systemd: bool = True
    unread: Unreadable | None = None
    is_hearsay: bool = False


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Ask systemd how long it took; the journal for what, where that was long."""
    answer = host.query(BootTimes())
    if isinstance(answer, Unreadable):
        if not host.is_live:
            return _saved(host)
        is_absent = answer.why is Why.ABSENT
        found = host.names("/run/systemd/system") if is_absent else ()
        is_none = isinstance(found, Unreadable) and found.why is Why.ABSENT
        return Seen(answer, is_systemd=not is_none)
    stamps = dict(line.split(" ")[:2] for line in answer.text.split("\n") if line.count(" ") == 1)
    begin, end = (_number(stamps.get(name, "")) for name in ("userspace", "finish"))
    if end is None or begin is None:
        return Seen(Unreadable(answer.source, Why.FAILED, "not in a known form"))
    if not end:
        from ec2rl.facts.boot_waits import jobs_of

        jobs = jobs_of(answer.text.split("\n"))
        return Seen("systemd", is_up=False, jobs=jobs, uptime=host.clock().uptime)
    whole = (end - begin) / 1e6
    if whole < _SLOW:
        return Seen("systemd", whole=whole)
    return _with_journal(host, Seen("systemd", whole=whole))


def _number(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 20 else None


def _with_journal(host: Host, seen: Seen) -> Seen:
    from ec2rl.facts.boot_waits import of_journal
    from ec2rl.host.queries.starts_journal import StartsJournal
    from ec2rl.record import replace

    told = host.query(StartsJournal())
    if isinstance(told, Unreadable):
        return replace(seen, unread=told)
    waits, whole = of_journal(told.text)
    return replace(seen, waits=waits, whole=seen.whole if seen.whole is not None else whole)


def _saved(host: Host) -> Seen:
    from ec2rl.facts.boot_waits import of_console
    from ec2rl.host.queries.boot_text import BootText

    printed = host.query(BootText())
    if isinstance(printed, Unreadable):
        seen = _with_journal(host, Seen("journal"))
        if seen.unread is None and seen.whole is None and not seen.waits:
            words = "it shows neither a wait nor that the boot came up"
            return Seen(Unreadable("journal", Why.PARTIAL, words))
        return seen if seen.unread is None else Seen(seen.unread)
    waits, is_up = of_console(printed.text)
    is_hearsay = printed.kind == "unknown"
    if not waits and not is_up:
        words = "it shows neither a wait nor that the boot came up"
        return Seen(Unreadable(printed.path, Why.PARTIAL, words))
    return Seen(printed.path, waits, is_up=is_up, is_hearsay=is_hearsay)


def judge(seen: Seen) -> Finding:
    """Judge by what still waits, then by what waited long."""
    if isinstance(seen.source, Unreadable):
        if not seen.is_systemd:
            said = say("There is no boot to wait: systemd is not the first program here")
            return Finding(Verdict.NOT_APPLICABLE, said)
        said = say("Cannot tell what the boot waited for: {why}", why=seen.source)
        return Finding(Verdict.UNKNOWN, said, (next_step("Next: {collect_all}"),))
    facts: dict[str, Fact] = {
        "seconds": seen.whole,
        "waits": [{"unit": one.unit, "seconds": one.seconds, "endless": one.is_endless,
                   "last": one.is_last} for one in seen.waits],
        "jobs": list(seen.jobs),
    }  # fmt: skip
    if not seen.is_up and not seen.waits:
        return _now(seen, facts)
    if seen.waits:
        return _waited(seen, facts)
    if seen.unread is not None or (seen.whole is not None and seen.whole >= _SLOW):
        words = "The boot took {whole:span}, and nothing tells what it waited for{why}"
        why = say(": {unread}", unread=seen.unread) if seen.unread is not None else say("")
        how = helps(say("What helps: systemd-analyze critical-chain, systemd-analyze blame"))
        said = say(words, whole=seen.whole, why=why)
        return Finding(Verdict.WARNING, said, (how, see_page(NAME)), facts=facts)
    proof = Statement("Rests on: {source}", {"source": seen.source}, Role.PROOF)
    return Finding(Verdict.OK, say("The boot waited for nothing long."), (proof,), facts=facts)


def _now(seen: Seen, facts: dict[str, Fact]) -> Finding:
    """A machine that is still coming up."""
    up = seen.uptime or 0.0
    jobs = seen.jobs[:_NAMED]
    if not jobs:
        said = say("Cannot tell what the boot waits for: systemd still starts, and names no job")
        return Finding(Verdict.UNKNOWN, said, facts=facts)
    words = "systemd still starts after {up:span}, and waits for {jobs:, }"
    said = say(words, up=up, jobs=jobs)
    verdict = Verdict.WARNING if up >= _STUCK else Verdict.UNKNOWN
    return Finding(verdict, said, (_help(jobs[0]), see_page(NAME)), facts=facts)


def _waited(seen: Seen, facts: dict[str, Fact]) -> Finding:
    first = seen.waits[0]
    rest = [say("{unit}: {time:span}", unit=one.unit, time=one.seconds)
            for one in seen.waits[1:_NAMED]]  # fmt: skip
    details = (*rest, _help(first.unit), see_page(NAME))
    quotes = tuple(
        Evidence(f"{seen.source}:{one.number}" if one.number else str(seen.source), one.text)
        for one in seen.waits[:_NAMED] if one.text
    )  # fmt: skip
    if not first.is_last:
        words = "The boot waited {time:span} for {unit}{whole}"
        whole = say(" ({whole:span} in all)", whole=seen.whole) if seen.whole else say("")
        said = say(words, time=first.seconds, unit=first.unit, whole=whole)
        return Finding(Verdict.WARNING, said, details, quotes, facts=facts)
    words = "The boot waits for {unit}, for {time:span} by then{limit}"
    limit = say(", without a limit") if first.is_endless else say("")
    said = say(words, unit=first.unit, time=first.seconds, limit=limit)
    is_stuck = first.is_endless and first.seconds >= _STUCK and not _is_clouds(first.unit)
    verdict = Verdict.PROBLEM if is_stuck and not seen.is_hearsay else Verdict.WARNING
    return Finding(verdict, said, details, quotes, facts=facts)


def _is_clouds(unit: str) -> bool:
    """Whether it may be the user's own program, which cloud-init runs as long as it takes."""
    return unit.startswith(("cloud-", "Cloud-init", "Execute cloud", "Apply the settings"))


def _help(unit: str) -> Statement:
    for words, said in _HELP:
        if any(word in unit for word in words):
            return helps(say(said))
    return helps(say("What helps: systemctl list-jobs, systemctl status {unit}", unit=unit))


MODULE = Module(
    name=NAME,
    title="The boot waits for nothing long",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, to ask systemd",
    by_hand=lambda _: ("systemd-analyze critical-chain", "systemctl list-jobs", "networkctl"),
)
