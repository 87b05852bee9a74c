"""`ec2rl run FILE...`, or with an option that names its kind: the same judges, on what is left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ec2rl import slices
from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.catalogue import choose
from ec2rl.commands import reporting
from ec2rl.commands.evidence import OfflineEvidence, TakenFor, check, opened
from ec2rl.commands.one_namespace import check_alone
from ec2rl.engine import Plan, Result, Runner
from ec2rl.facts.period import Period
from ec2rl.facts.proc import release
from ec2rl.facts.zone import InZone, zone
from ec2rl.host.mounted import MountedHost
from ec2rl.host.queries.boot_text import BootText
from ec2rl.model import Finding, Statement, Unreadable, Verdict, say
from ec2rl.module import Module, Options
from ec2rl.record import record, replace
from ec2rl.report.escape import TIED, typed
from ec2rl.report.offline import of_the_past, of_what_is_cut, recorded, recorded_on
from ec2rl.report.text import WHOLE, Much, View, for_terminal, header, results, statistics
from ec2rl.report.wording import text
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json
    from ec2rl.report.saved import RunFolder


_LONG = 200
"""Characters of a command that somebody would still copy."""


@record(frozen=True)
class Judgement:
    """One machine's section of the report; `what` is its name and of when it is, in words."""

    name: str
    what: str
    gaps: tuple[str, ...]
    found: tuple[Result, ...]
    seconds: float
    host: dict[str, Json]
    period: Period = Period()
    zone: str = ""
    files: tuple[TakenFor, ...] = ()
    apart: str = ""
    notes: tuple[str, ...] = ()
    interrupted: bool = False


def judge_offline(args: Parsed, terminal: Terminal) -> int:
    """Judge each machine by itself; exit status and options are those of `run`."""
    started, clock = time.time(), time.monotonic()
    write, fails = format_of(args).write, reporting.failing(args)
    plan, modules = reporting.plan_of(args, started), choose(args)
    check_alone(args, modules)
    each = judge_each(args, modules, plan, terminal)
    view = reporting.view_of(args, terminal, modules)
    recording = reporting.open_record(args, terminal)
    folder, unsaved = reporting.open_folder(args, terminal, started)
    reporting.make_room(args, terminal, folder)
    if write is None and not args.has("quiet"):
        names = [module.name for module in modules]
        terminal.out(reporting.opening(folder, names, terminal.width))

    judged: list[Judgement] = []
    interrupted = False
    for past, one in each:
        judged.append(one)
        interrupted = one.interrupted
        if write is None:
            terminal.out(text_of(one, view))
        _tell(past, one, plan, terminal)
        if args.has("record"):
            unsaved = _record(recording, past, one, args) or unsaved
            recording = None

    took = time.monotonic() - clock
    document = _document(judged, started, took, folder, interrupted)
    if folder is not None:
        text = "".join(text_of(one, WHOLE) for one in judged)
        sections = [one.found for one in judged]
        mine = reporting.rights_to_save(args, terminal)
        unsaved = reporting.save(folder, mine, sections, text, document) or unsaved
    if write is not None:
        terminal.out(write(document))
    if interrupted:
        terminal.say("interrupted: what was not finished is UNKNOWN")
        return 130
    if unsaved:
        terminal.say(f"results not saved: {unsaved}")
    found = [result for one in judged for result in one.found]
    return reporting.exit_status(found, fails, bool(unsaved), args.has("exit-zero"))


def judge_each(
    args: Parsed, modules: Sequence[Module], plan: Plan, terminal: Terminal
) -> Iterator[tuple[OfflineEvidence, Judgement]]:
    """Judge each machine that the operands and options name, to the first that is interrupted.

    UsageError, before the first is judged, for what is not there.
    """
    check(args)
    return _judge_each(_machines(args, modules), args, modules, plan, terminal)


def _judge_each(
    machines: Iterator[OfflineEvidence],
    args: Parsed,
    modules: Sequence[Module],
    plan: Plan,
    terminal: Terminal,
) -> Iterator[tuple[OfflineEvidence, Judgement]]:
    for past in machines:
        one = _judge(past, modules, plan, terminal, args)
        yield past, replace(one, files=past.files, apart=past.apart, notes=past.notes)
        if one.interrupted:
            break


def _machines(args: Parsed, modules: Sequence[Module]) -> Iterator[OfflineEvidence]:
    if not args.operands or args.has("log"):
        return opened(args, modules)
    from ec2rl.commands.door import machines

    return machines(args, modules)


def _record(recording: int | None, past: OfflineEvidence, one: Judgement, args: Parsed) -> str:
    """Record the first machine; what of it, or which other one, could not be."""
    if recording is None:
        return f"the recording is of one machine, and not of {one.name}"
    files = [path for kind in reporting.PAST for path in args.values.get(kind, ())]
    files += [*args.operands, *(one.file for one in past.files)]
    options, masked = Options(past.sample, one.period), args.has("mask")
    return reporting.record_looks(
        recording, one.found, options, masked, one.zone, one.gaps, past.notes, past.cut, files
    )


def _tell(past: OfflineEvidence, one: Judgement, plan: Plan, terminal: Terminal) -> None:
    whole = past.expected and not plan.options.netns
    if whole and _expected(past.expected) != _verdicts(one.found):
        terminal.say(f"{one.name}: other verdicts than when it was recorded")
    if plan.debug:
        reporting.tell_faults(one.found, terminal)


def _judge(
    past: OfflineEvidence,
    modules: Sequence[Module],
    plan: Plan,
    terminal: Terminal,
    args: Parsed,
) -> Judgement:
    host = past.host
    if isinstance(host, Unreadable):
        why = say("Could not be judged: {host}", host=host)
        return _unjudged(host.source, past, modules, why)
    clock = time.monotonic()
    own = past.zone or zone(host)
    with InZone(own):
        its_clock = host.clock()
        end, by_file = its_clock.now, its_clock.by_file
        where = recorded(host.name, its_clock)
        try:
            said = args.has("since") or args.has("until")
            period = reporting.period_of(args, end or time.time()) if said else past.period
        except UsageError:
            why = say(
                "Cannot tell: it was recorded {when}, before the time that is asked about",
                when=recorded_on(end),
            )
            return _unjudged(host.name, past, modules, why, own)
        what = text(where, blank=TIED)
        options = Options(past.sample, period, plan.options.strict, netns=plan.options.netns)
        runner = Runner(modules, host, replace(plan, options=options))
        runner.start()
        results_, interrupted = runner.finish(
            lambda *waiting: reporting.progress(terminal, *waiting)
        )
    root = host.folder if isinstance(host, MountedHost) else ""
    printed = host.query(BootText())
    stopped = not isinstance(printed, Unreadable) and printed.kind == "console"
    recordings = [one.file for one in past.files if one.kind == "recording"]
    replay = args.last("replay") or next(iter(recordings), "")
    found = tuple(
        _of_the_past(result, past.cut, where, own, root, _again(args), stopped, replay)
        for result in results_
    )
    about: dict[str, Json] = {
        **_about(host.name, release(host), past),
        "recorded": _iso(end) if end and not by_file else None,
        "file_dated": _iso(end) if end and by_file else None,
    }
    took = time.monotonic() - clock
    return Judgement(
        host.name, what, past.gaps, found, took, about, period, own, interrupted=interrupted
    )


def _unjudged(
    name: str, past: OfflineEvidence, modules: Sequence[Module], why: Statement, own: str = ""
) -> Judgement:
    lost = Finding(Verdict.UNKNOWN, why, zone=own)
    found = tuple(Result(module, lost, 0.0) for module in modules)
    return Judgement(name, name, past.gaps, found, 0.0, _about(name, None, past))


def _about(name: str, kernel: str | None, past: OfflineEvidence) -> dict[str, Json]:
    """What the report says of whose evidence it is, and of the evidence itself."""
    files: list[Json] = [
        {"file": one.file, "kind": one.kind, "packing": one.packing} for one in past.files
    ]
    return {
        "name": name,
        "kernel": kernel,
        "machine": None,
        "gaps": list(past.gaps),
        "notes": list(past.notes),
        "evidence": files,
        "apart": past.apart,
    }


def _again(args: Parsed) -> str:
    """How the evidence was named, to be typed once more for `explain`; "" where it cannot be."""
    named = [(option, path) for option in reporting.PAST for path in args.values.get(option, ())]
    words = [f"--{option}={typed(path)}" for option, path in named]
    words += map(typed, args.operands)
    is_piped = "-" in (*args.operands, *(path for _, path in named))
    said = " ".join(words)
    is_more = any(map(args.has, slices.names("saved_evidence")))
    return "" if is_piped or is_more or len(said) > _LONG else said


def _of_the_past(
    result: Result,
    cut: str,
    where: Statement,
    own: str,
    root: str,
    again: str,
    stopped: bool,
    replay: str,
) -> Result:
    """A result that says whose it is and of when; the commands by hand are for what runs."""
    finding = of_what_is_cut(result.finding, cut) if cut else result.finding
    return replace(
        result, finding=of_the_past(finding, where, own, root, again, stopped, replay), by_hand=()
    )


def _iso(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def _verdicts(found: Sequence[Result]) -> set[str]:
    return {f"{result.finding.verdict.name} {result.module.name}" for result in found}


def _expected(text: str) -> set[str]:
    """The verdicts of a recording; whose they are, and details, are told in other words now."""
    return {line.partition(":")[0] for line in text.split("\n") if line and line[:2] != "--"}


def text_of(one: Judgement, view: View) -> str:
    """Give what was judged of one machine in words: evidence, results, and how many there are."""
    pairs = [(result.module.name, result.finding) for result in one.found]
    if view.much is Much.VERDICT:
        return results(pairs, view)
    if view.width is not None:  # whose they are stands above them
        pairs = [(name, replace(finding, whose=None)) for name, finding in pairs]
    said = [one.what]
    said += [f"Evidence: {'; '.join(map(str, one.files))}"] if one.files else []
    said += [f"Judged apart: {one.apart}"] if one.apart else []
    said += [f"Not read: {gap}" for gap in one.gaps]
    said += [f"Note: {note}" for note in one.notes]
    lines = [header("Evidence"), "", *(for_terminal(words, view.width) for words in said)]
    body = results(pairs, view) + "\n" + statistics(pairs, one.seconds)
    return "\n".join(lines) + "\n\n" + body + "\n"


def report_of(one: Judgement, started: float) -> Json:
    """Give the report on one machine as data, as of a run that nobody saves."""
    return reporting.document_of(one.found, started, one.seconds, None, one.interrupted, one.host)


def _document(
    judged: Sequence[Judgement],
    started: float,
    took: float,
    folder: RunFolder | None,
    interrupted: bool,
) -> Json:
    """One report, or for several machines an object that holds their reports."""
    documents: list[Json] = [
        reporting.document_of(one.found, started, one.seconds, folder, interrupted, one.host)
        for one in judged
    ]
    if len(documents) == 1:
        return documents[0]
    return document(seconds=round(took, 3), reports=documents)
