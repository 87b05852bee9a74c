"""cloud-init failed, or found no datasource: keys, names, networks and scripts may be missing."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.model import (
    Evidence,
    Finding,
    Statement,
    Unreadable,
    Verdict,
    Why,
    helps,
    more,
    next_step,
    say,
    see_page,
)
from ec2rl.module import ACCESS, Module, Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.cloud_init import Printed, Run, Stage
    from ec2rl.model import Fact

NAME = "cloudinitfailed"
_RUN, _DATA, _ETC = "/run/cloud-init", "/var/lib/cloud/data", "/etc/cloud"
_LOG, _INSTANCES = "/var/log/cloud-init.log", "/var/lib/cloud/instances"
_FIRMWARE = ("/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/bios_version",
             "/sys/hypervisor/uuid")  # fmt: skip
_SWITCHED = "/etc/cloud/cloud-init.disabled switches cloud-init off"
_NAMED, _LONG = 4, 600.0
_FIRST = ("iid-datasource-none",)
"""The only instance that a machine knows which never had a datasource."""
_HELP = (
    "What helps: cloud-init status --long, and /var/log/cloud-init.log; once the cause is gone "
    "cloud-init clean --logs, and a reboot, run all of it again: new host keys too"
)


@record(frozen=True)
class Seen:
    """The last run as it noted it itself, or what a text shows of it, or why neither is known.

    `off` is what switches cloud-init off, or says that it is not there; `words` are the last
    faults of its log; `is_first` is whether an instance of EC2 never had another datasource.
    """

    run: Run | Unreadable | None
    printed: Printed | None = None
    source: str = ""
    off: str = ""
    words: tuple[str, ...] = ()
    is_first: bool = False
    is_live: bool = True
    uptime: float | None = None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read what the last run noted; of a saved text what it shows."""
    folder = _RUN
    text = host.read(f"{folder}/status.json")
    if isinstance(text, Unreadable) and not host.is_live:
        folder = _DATA
        text = host.read(f"{folder}/status.json")
    if isinstance(text, Unreadable):
        return _without(host, text)
    if folder == _DATA and "cloud-init.disabled" in _names(host, _ETC):
        return Seen(None, off=_SWITCHED)
    from ec2rl.facts.cloud_init import parse_result, parse_status

    run = parse_status(text.source, text.text)
    result = host.read(f"{folder}/result.json")
    if not isinstance(run, Unreadable) and isinstance(result, Evidence):
        ended = parse_result(result.source, result.text)
        if isinstance(ended, Unreadable):
            run = run if run.errors else ended
        else:
            run = replace(run, datasource=run.datasource or ended.datasource,
                          stages=_with_errors(run, ended))  # fmt: skip
    uptime = host.clock().uptime
    seen = Seen(run, source=text.source, is_live=host.is_live, uptime=uptime)
    if isinstance(run, Unreadable) or not (run.errors or run.lesser or run.has_no_source):
        return seen
    is_first = run.has_no_source and host.names(_INSTANCES) == _FIRST and _may_be_ec2(host)
    return replace(seen, words=_words(host), is_first=is_first)


def _names(host: Host, folder: str) -> tuple[str, ...]:
    found = host.names(folder)
    return found if isinstance(found, tuple) else ()


def _may_be_ec2(host: Host) -> bool:
    """Whether its datasource should be EC2's: by its firmware, where the machine runs."""
    told = [host.read(path) for path in _FIRMWARE] if host.is_live else []
    words = [one.text.lower() for one in told if isinstance(one, Evidence)]
    return not host.is_live or any("amazon" in word or word.startswith("ec2") for word in words)


def _with_errors(run: Run, ended: Run) -> tuple[Stage, ...]:
    known = {said for _, said in run.errors}
    left = tuple(said for _, said in ended.errors if said not in known)
    return (*run.stages, replace(ended.stages[0], errors=left))


def _words(host: Host) -> tuple[str, ...]:
    text = host.read(_LOG)
    if isinstance(text, Unreadable):
        return ()
    marks = ("[WARNING]: ", "[ERROR]: ", "[CRITICAL]: ", "No space left on device")
    lines = [line.strip() for line in text.text.split("\n") if any(one in line for one in marks)]
    return tuple(line[:300] for line in lines[-_NAMED:])


def _without(host: Host, why: Unreadable) -> Seen:
    """There is no note of a run: it is off, or not there, or a text tells, or nothing does."""
    if why.why is Why.ABSENT:
        if isinstance(etc := host.names(_ETC), Unreadable) and etc.why is Why.ABSENT:
            return Seen(None, off="cloud-init is not installed here")
        if "cloud-init.disabled" in (etc if isinstance(etc, tuple) else ()):
            return Seen(None, off=_SWITCHED)
        if host.is_live and "disabled" in _names(host, _RUN):
            return Seen(None, off="cloud-init is switched off, or found no cloud (ds-identify)")
        return Seen(why, is_live=host.is_live)
    if host.is_live:
        return Seen(why)
    from ec2rl.facts.cloud_init import parse_printed
    from ec2rl.host.queries.boot_text import BootText
    from ec2rl.host.queries.service_text import ServiceText

    for query in (ServiceText(), BootText()):
        text = host.query(query)
        printed = None if isinstance(text, Unreadable) else parse_printed(text.text)
        if printed is not None and not isinstance(text, Unreadable):
            return Seen(None, printed, text.path, is_live=False)
    return Seen(why, is_live=False)


def judge(seen: Seen) -> Finding:
    """Judge by errors first, then by the datasource, then by what it went on after."""
    if seen.off:
        return Finding(Verdict.NOT_APPLICABLE, say("{why}", why=seen.off))
    if seen.printed is not None:
        return _shown(seen, seen.printed)
    if seen.run is None or isinstance(seen.run, Unreadable):
        said = say("Cannot tell whether cloud-init failed: {why}", why=seen.run)
        return Finding(Verdict.UNKNOWN, said, (next_step("Next: {collect_all}"),))
    run = seen.run
    judged = () if seen.is_live else (_judged(run),)
    details = [*judged, *_quoted(seen, run), helps(say(_HELP)), see_page(NAME)]
    if run.errors:
        stage, error = run.errors[0]
        words = "cloud-init failed in its stage {stage}: {error}"
        if _is_full((error, *seen.words)):
            words = words.replace(":", " because a disk is full (see diskfull):")
        said = say(words, stage=stage, error=error)
        return Finding(Verdict.PROBLEM, said, tuple(details), facts=_facts(run))
    if run.has_no_source:
        return _no_source(seen, run, judged)
    waiting = _waiting(seen, run)
    if waiting is not None:
        return waiting
    if run.lesser:
        stage, error = run.lesser[0]
        said = say("cloud-init went on after a fault in its stage {stage}: {error}", stage=stage,
                   error=error)  # fmt: skip
        return Finding(Verdict.WARNING, said, tuple(details), facts=_facts(run))
    said = say("cloud-init ran to its end without an error ({source}).", source=_source(run))
    notes = tuple(more(say("It noted: {note}", note=note))
                  for one in run.stages for note in one.notes)[:_NAMED]  # fmt: skip
    return Finding(Verdict.OK, said, (*judged, *notes), facts=_facts(run))


def _no_source(seen: Seen, run: Run, judged: tuple[Statement, ...]) -> Finding:
    how = helps(say("What helps: see whether the instance may reach its metadata (IMDS on, a route "
                    "to 169.254.169.254), then reboot it"))  # fmt: skip
    rest = (*judged, how, see_page(NAME))
    if seen.is_first:
        words = (
            "cloud-init found no datasource, and never had one: the machine has no keys, no name "
            "and no user data of its instance"
        )
        return Finding(Verdict.PROBLEM, say(words), rest, facts=_facts(run))
    words = "cloud-init found no datasource at its last start: it set no keys and no name then"
    return Finding(Verdict.WARNING, say(words), rest, facts=_facts(run))


def _waiting(seen: Seen, run: Run) -> Finding | None:
    """A run that has not ended: it still works, it hangs, or the machine went down with it."""
    from ec2rl.facts.cloud_init import LAST

    unfinished = [one for one in run.stages if one.start is not None and one.finished is None]
    if not unfinished and run.is_ended:
        return None
    if not unfinished and all(one.name != LAST for one in run.stages):
        words = "Cannot tell whether cloud-init failed: {source} does not tell of its last stage"
        return Finding(Verdict.UNKNOWN, say(words, source=seen.source), facts=_facts(run))
    waits = [one for one in run.stages if one.start is None and one.finished is None]
    stage = (unfinished[-1] if unfinished else waits[0] if waits else run.stages[-1]).name
    if seen.is_live and seen.uptime is not None and seen.uptime < _LONG:
        words = "Cannot tell whether cloud-init failed: it is still in its stage {stage}"
        words = words if unfinished else words.replace("is still in", "has not yet begun")
        return Finding(Verdict.UNKNOWN, say(words, stage=stage), facts=_facts(run))
    words = "cloud-init has not come to the end of its stage {stage}"
    if not unfinished:
        words = "cloud-init stopped between its stages: {stage} never began"
    how = helps(say("What helps: cloud-init analyze show, and the end of /var/log/cloud-init.log"))
    judged = () if seen.is_live else (_judged(run),)
    said = say(words, stage=stage)
    return Finding(Verdict.WARNING, said, (*judged, how, see_page(NAME)), facts=_facts(run))


def _judged(run: Run) -> Statement:
    if run.began is None:
        return say("Judged: the last run that this disk has")
    return say("Judged: the last run that this disk has, which began {at:time}", at=run.began)


def _quoted(seen: Seen, run: Run) -> list[Statement]:
    told = [say("Stage {stage}: {error}", stage=stage, error=error)
            for stage, error in (*run.errors, *run.lesser)[1 : _NAMED + 1]]  # fmt: skip
    return told + [say("Its log: {line}", line=line) for line in seen.words[-2:]]


def _is_full(words: tuple[str, ...]) -> bool:
    from ec2rl.facts.cloud_init import FULL

    return any(mark in line for mark in FULL for line in words)


def _source(run: Run) -> str:
    return run.datasource or "datasource unknown"


def _shown(seen: Seen, printed: Printed) -> Finding:
    """What a text shows, which others can write as well: it makes no failure."""
    from ec2rl.facts.cloud_init import NO_SOURCE

    facts: dict[str, Fact] = {"datasource": printed.datasource or None,
                              "errors": list(printed.faults)}  # fmt: skip
    rest = [say("{source}: {line}", source=seen.source, line=line)
            for line in printed.faults[1:_NAMED]]  # fmt: skip
    if printed.faults:
        said = say("cloud-init tells of a fault: {line}", line=printed.faults[0])
        how = helps(say(_HELP))
        return Finding(Verdict.WARNING, said, (*rest, how, see_page(NAME)), facts=facts)
    if printed.datasource == NO_SOURCE:
        said = say("cloud-init found no datasource at that start")
        return Finding(Verdict.WARNING, said, (see_page(NAME),), facts=facts)
    if printed.is_finished:
        said = say("cloud-init came to its end, and told of no fault ({source}).",
                   source=printed.datasource)  # fmt: skip
        return Finding(Verdict.OK, said, facts=facts)
    words = "Cannot tell whether cloud-init failed: {source} does not show that it came to its end"
    return Finding(Verdict.UNKNOWN, say(words, source=seen.source), facts=facts)


def _facts(run: Run) -> dict[str, Fact]:
    return {
        "datasource": run.datasource or None,
        "stage": run.stage or None,
        "errors": [said for _, said in run.errors],
        "recoverable": [said for _, said in run.lesser],
    }


MODULE = Module(
    name=NAME,
    title="cloud-init did all that it is to do",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="nothing",
    by_hand=lambda _: ("cloud-init status --long", f"grep -n 'WARNING\\|ERROR' {_LOG}"),
    rank=ACCESS,
)
