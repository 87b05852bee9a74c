"""What a run of modules needs before it looks and after, whichever machine it is about."""

from __future__ import annotations

import os
import time

from ec2rl import slices
from ec2rl.arguments import Parsed, UsageError, moment, seconds, whole_number
from ec2rl.caller import Rights
from ec2rl.commands.one_namespace import asked_for
from ec2rl.engine import Plan, Result
from ec2rl.facts.period import Period
from ec2rl.model import Role, Verdict
from ec2rl.module import Options
from ec2rl.record import replace
from ec2rl.report.saved import RunFolder, UnsafeFolderError, default_bases, open_run_folder
from ec2rl.report.wording import details, summary
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.model import Json
    from ec2rl.module import Module
    from ec2rl.report.json_report import Judged
    from ec2rl.report.text import View

PAST = ("root", "sos", "log", *slices.names("saved_evidence"), "replay")
"""The options that name what is left of another machine."""

UNSAVED = 4
"""Exit status when there is no failure, but the results could not be saved."""


def choose_colour(args: Parsed, terminal: Terminal) -> None:
    """Colour results, or not. UsageError for what is neither."""
    terminal.choose_colour(one_of(args, "color", ("auto", "always", "never")))


def view_of(args: Parsed, terminal: Terminal, modules: Sequence[Module]) -> View:
    """Tell how results are shown here. UsageError for what is neither."""
    from ec2rl.report.text import Much, View

    choose_colour(args, terminal)
    if args.has("quiet") and args.has("verbose"):
        raise UsageError("--quiet cannot be combined with --verbose")
    much = Much.VERDICT if args.has("quiet") else Much.ALL if args.has("verbose") else Much.SHORT
    domains = {} if args.has("all") else {one.name: one.domain for one in modules}
    return View(much, terminal.colour, terminal.width, domains)


def failing(args: Parsed) -> tuple[Verdict, ...]:
    """Give the verdicts that make the exit status 1."""
    if one_of(args, "fail-on", ("failure", "warn")) == "warn":
        return Verdict.PROBLEM, Verdict.WARNING
    return (Verdict.PROBLEM,)


def plan_of(args: Parsed, now: float) -> Plan:
    """Tell how to run, from the options that `run` and `explain` share. UsageError for nonsense."""
    concurrency, interval, deadline = 10, 1.0, 120.0
    if args.has("concurrency"):
        concurrency = whole_number("concurrency", args.last("concurrency"), 1, 100)
    if args.has("interval"):
        interval = seconds("interval", args.last("interval"), 0, 30)  # a module may take 60 in all
    if args.has("deadline"):
        deadline = seconds("deadline", args.last("deadline"), 1, 86400)
    if args.has("interval") and interval > deadline / 2:
        raise UsageError(
            f"--interval={interval:g} leaves no time to look in --deadline={deadline:g}"
        )
    return Plan(
        Options(
            min(interval, deadline / 2),
            period_of(args, now),
            args.has("strict"),
            netns=asked_for(args),
        ),
        deadline,
        concurrency,
        args.has("record"),
        args.has("debug"),
    )


def period_of(args: Parsed, now: float) -> Period:
    """Give the time that the logs are asked about. UsageError for none that has been."""
    since = moment("since", args.last("since"), now) if args.has("since") else None
    until = moment("until", args.last("until"), now) if args.has("until") else None
    if since is not None and until is not None and until < since:
        raise UsageError(f"--until={args.last('until')}: before --since={args.last('since')}")
    return Period(since, until)


def one_of(args: Parsed, option: str, choices: Sequence[str]) -> str:
    value = args.last(option, choices[0])
    if value not in choices:
        raise UsageError(f"--{option}={value}: one of {', '.join(choices)}")
    return value


def open_record(args: Parsed, terminal: Terminal) -> int | None:
    """Give the new file of --record, if there is to be one, made with the caller's rights."""
    if args.has("no-save"):
        for option in ("record", "output-dir", "remediate"):
            if args.has(option):
                raise UsageError(f"--no-save cannot be combined with --{option}: it writes nothing")
    if not args.has("record"):
        return None
    from ec2rl.recordings import open_record as open_new

    return open_new(args.last("record"), terminal.environment)


def rights_to_save(args: Parsed, terminal: Terminal) -> Rights:
    """Give the caller's rights in a place of their choice, our own in ours."""
    ours = args.last("output-dir") in default_bases(terminal.environment)
    return Rights({} if ours or not args.has("output-dir") else terminal.environment)


def open_folder(args: Parsed, terminal: Terminal, started: float) -> tuple[RunFolder | None, str]:
    """Give the run folder, or why there is none ("": nobody wants one).

    UsageError for an --output-dir that is not safe.
    """
    if args.has("no-save"):
        return None, ""
    rights = rights_to_save(args, terminal)
    if args.has("output-dir"):
        try:
            bases: Sequence[str] = (os.path.abspath(args.last("output-dir")),)
        except OSError:
            raise UsageError(
                "--output-dir: the folder you are in is gone: name it from /"
            ) from None
    else:
        bases = default_bases(terminal.environment)
    why = "this user has no home folder"
    for base in bases:
        try:
            with rights:
                folder = open_run_folder(base, started)
        except UnsafeFolderError as error:
            if args.has("output-dir"):
                raise UsageError(f"--output-dir: {error}{rights.note}") from None
            why = str(error)
        except OSError as error:
            why = f"{base}: {os.strerror(error.errno or 0)}{rights.note}"
        else:
            if not args.has("output-dir"):
                from ec2rl.report.way_in import way_in

                folder.shown = way_in(folder.path)
            return folder, ""
    return None, why


def opening(
    folder: RunFolder | None, names: Sequence[str], width: int | None, alone: str = ""
) -> str:
    """Give the lines before the results; `alone` says which namespace is judged by itself.

    `width` is the terminal's.  The line with the folder stays whole: programs read it.
    """
    from ec2rl.report.escape import one_line
    from ec2rl.report.text import for_terminal, header

    where = one_line(folder.shown) if folder is not None else "(not saved)"
    whose = f"{for_terminal(alone, width)}\n\n" if alone else ""
    listed = for_terminal(", ".join(names), width)
    return (
        f"{header('Output  Logs')}\n\nThe output logs are located in:\n{where}\n\n"
        f"{header('Module Run')}\n\nRunning Modules:\n{listed}\n\n{whose}"
    )


def progress(terminal: Terminal, who: Sequence[str], how_long: float) -> None:
    shown = ", ".join(who[:3]) + (f" and {len(who) - 3} more" if len(who) > 3 else "")
    terminal.progress(f"waiting for {shown} ({how_long:.0f} s)")


def document_of(
    found: Sequence[Result],
    started: float,
    took: float,
    folder: RunFolder | None,
    interrupted: bool,
    host: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """Give the report as data; `host` says which machine it is about, without it this one."""
    from ec2rl.report.json_report import report
    from ec2rl.subcommand import TOOL, this_host

    return report(
        _judged(found),
        TOOL,
        host or this_host(),
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        seconds=round(took, 3),
        run_folder=None if folder is None else folder.shown,
        interrupted=interrupted,
    )


def results_of(found: Sequence[Result]) -> list[Json]:
    """Give what was found as data."""
    from ec2rl.report.json_report import results

    return results(_judged(found))


def _judged(found: Sequence[Result]) -> list[Judged]:
    from ec2rl.report.json_report import Judged

    return [
        Judged(r.module.name, r.module.domain, r.module.class_, r.finding, r.seconds, r.by_hand)
        for r in found
    ]


def make_room(args: Parsed, terminal: Terminal, folder: RunFolder | None) -> None:
    """Remove the oldest runs, and say so; in a folder of the user's choice none."""
    if folder is None or args.has("output-dir"):
        return
    from ec2rl.report.pruned import BYTES, RUNS, prune

    try:
        removed, stuck = prune(folder)
    except OSError as error:
        terminal.say(f"old runs were not removed: {os.strerror(error.errno or 0)}")
        return
    if removed:
        terminal.say(
            f"{removed} old run{'s' * (removed > 1)} removed: the last {RUNS} are kept, "
            f"in {BYTES >> 20} MiB (--output-dir keeps all)"
        )
    if stuck:
        more = f" and {len(stuck) - 3} more" if len(stuck) > 3 else ""
        terminal.say(f"old runs that could not be removed: {', '.join(stuck[:3])}{more}")


def save(
    folder: RunFolder,
    rights: Rights,
    sections: Sequence[Sequence[Result]],
    text: str,
    document: Json,
) -> str:
    """Write the run folder's files; why it could not be done, "" when all is there."""
    from ec2rl.report.formats.json import write
    from ec2rl.report.text import evidence

    try:
        with rights:
            folder.write("report.txt", text)
            folder.write("report.json", write(document))
            outputs = folder.folder("mod_out")
            for number, found in enumerate(sections, 1):
                inside = outputs.folder("run" if number == 1 else f"run-{number}")
                for one in found:
                    words = evidence(one.module.name, one.finding, one.by_hand)
                    inside.write(f"{one.module.name}.log", words)
    except OSError as error:
        return f"{folder.path}: {os.strerror(error.errno or 0)}"
    return ""


def record_looks(
    fd: int,
    found: Sequence[Result],
    options: Options,
    masked: bool,
    zone: str = "",
    gaps: Sequence[str] = (),
    notes: Sequence[str] = (),
    cut: str = "",
    files: Sequence[str] = (),
) -> str:
    """Write a recording of all looks; why it could not be done, "" when all is there.

    `files` are the names of the evidence that was read.
    """
    from ec2rl.facts.zone import our_zone
    from ec2rl.model import Evidence
    from ec2rl.recordings import write_record
    from ec2rl.report.escape import one_line

    memory = {key: look for result in found for key, look in (result.memory or {}).items()}
    if cut:
        memory["cut"] = Evidence("cut", f"{cut}\n")
    for name, said in (("gaps", gaps), ("notes", notes)):
        if said:
            memory[name] = Evidence(name, "".join(f"{one_line(one)}\n" for one in said))
    verdicts: list[str] = []
    for result in found:
        finding = result.finding
        if files:  # how they were named is nobody's affair
            kept = tuple(one for one in finding.details if one.role is not Role.PAGE)
            finding = replace(finding, details=kept)
        first = f"{finding.verdict.name} {result.module.name}: {summary(finding)}"
        # A file's name that somebody gave may hold line ends, and what looks like a section.
        verdicts += map(one_line, (first, *(f"-- {detail}" for detail in details(finding))))
    how = {"sample": str(options.sample)}
    for name in ("since", "until"):
        if getattr(options.period, name) is not None:
            how[name] = str(getattr(options.period, name))
    how["zone"] = zone or our_zone()
    return write_record(fd, memory, how, verdicts, masked, files)


def tell_faults(found: Sequence[Result], terminal: Terminal) -> None:
    for result in found:
        traceback = result.finding.facts.get("traceback")
        if isinstance(traceback, str):
            terminal.say(f"{result.module.name}:\n{traceback}")


def exit_status(
    found: Sequence[Result], fails: Sequence[Verdict], unsaved: bool, exit_zero: bool
) -> int:
    """Exit with 0: no failure; 1: one; 3: something could not be judged; 4: nothing was saved."""
    verdicts = {result.finding.verdict for result in found}
    if exit_zero:
        return UNSAVED if unsaved else 0
    if verdicts.intersection(fails):
        return 1
    if not verdicts or verdicts & {Verdict.UNKNOWN, Verdict.CRASHED}:
        return 3
    return UNSAVED if unsaved else 0
