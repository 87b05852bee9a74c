"""`ec2rl run`: diagnose this machine, show the verdicts, and save them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ec2rl import __version__
from ec2rl.arguments import Parsed, UsageError, moment, seconds
from ec2rl.catalogue import choose
from ec2rl.engine import Plan, Race, Result
from ec2rl.host.live import LiveHost
from ec2rl.model import Verdict
from ec2rl.module import Options
from ec2rl.report.saved import RunFolder, UnsafeFolderError, default_bases, open_run_folder
from ec2rl.terminal import Terminal

UNSAVED = 4
"""Exit status when there is no failure, but the results could not be saved."""


def command(said: Parsed, terminal: Terminal) -> int:
    """Run; the exit status that `_status` tells, 2 for a command line that makes no sense."""
    started, clock = time.time(), time.monotonic()
    as_json = said.has("json") or _one_of(said, "output", ("text", "json")) == "json"
    terminal.choose_colour(_one_of(said, "color", ("auto", "always", "never")))
    fails: tuple[Verdict, ...] = (Verdict.PROBLEM,)
    if _one_of(said, "fail-on", ("failure", "warn")) == "warn":
        fails = (Verdict.PROBLEM, Verdict.WARNING)
    plan = plan_of(said, started)
    modules = choose(said)
    recording = _open_new(said.last("record")) if said.has("record") else None
    folder, unsaved = _open_folder(said, terminal, started)
    race = Race(modules, LiveHost(), plan)
    race.start()

    # While they look: what is needed to tell of it, json and re above all, takes as long to import.
    from ec2rl.report.text import results, statistics

    if not as_json:
        terminal.out(_opening(folder, [module.name for module in modules]))
    import ec2rl.report.json_report  # noqa: F401

    found, interrupted = race.finish(lambda *waiting: _progress(terminal, *waiting))
    if said.has("remediate") and not interrupted:
        from ec2rl.commands.remediate import remediate

        found = remediate(found, plan, terminal)
    pairs = [(result.module.name, result.finding) for result in found]
    took = time.monotonic() - clock
    text = results(pairs) + "\n" + statistics(pairs, took)
    document = _document(found, started, took, folder, interrupted)
    if folder is not None:
        unsaved = _save(folder, found, text, document)
    if recording is not None:
        unsaved = _record(recording, found) or unsaved
    if as_json:
        terminal.out(document)
    else:
        terminal.out(results(pairs, terminal.colour) + "\n" + statistics(pairs, took))
    if plan.debug:
        _tell_faults(found, terminal)
    if interrupted:
        terminal.say("interrupted: what was not finished is UNKNOWN")
        return 130
    if unsaved:
        terminal.say(f"results not saved: {unsaved}")
    return _status(found, fails, bool(unsaved), said.has("exit-zero"))


def plan_of(said: Parsed, now: float) -> Plan:
    """How to run, from the options that `run` and `explain` share. UsageError for nonsense."""
    since = moment("since", said.last("since"), now) if said.has("since") else None
    concurrency = said.last("concurrency", "10")
    if not (concurrency.isascii() and concurrency.isdigit() and 1 <= int(concurrency[:9]) <= 100):
        raise UsageError(f"--concurrency={concurrency}: not a number from 1 to 100")
    return Plan(
        Options(seconds("sample", said.last("sample", "1"), 0, 60), since),
        seconds("deadline", said.last("deadline", "120"), 1, 86400),
        int(concurrency),
        said.has("record"),
        said.has("debug"),
    )


def _one_of(said: Parsed, option: str, choices: Sequence[str]) -> str:
    value = said.last(option, choices[0])
    if value not in choices:
        raise UsageError(f"--{option}={value}: one of {', '.join(choices)}")
    return value


def _open_new(path: str) -> int:
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise UsageError(f"--record={path}: {os.strerror(error.errno or 0)}") from None


def _open_folder(said: Parsed, terminal: Terminal, started: float) -> tuple[RunFolder | None, str]:
    """The run folder, or why there is none. UsageError for an --output-dir that is not safe."""
    if said.has("output-dir"):
        bases: Sequence[str] = (os.path.abspath(said.last("output-dir")),)
    else:
        bases = default_bases(terminal.environment)
    why = "this user has no home folder"
    for base in bases:
        try:
            return open_run_folder(base, started), ""
        except UnsafeFolderError as error:  # noqa: PERF203
            if said.has("output-dir"):
                raise UsageError(f"--output-dir: {error}") from None
            why = str(error)
        except OSError as error:
            why = f"{base}: {os.strerror(error.errno or 0)}"
    return None, why


def _opening(folder: RunFolder | None, names: Sequence[str]) -> str:
    from ec2rl.report.text import header

    where = folder.path if folder is not None else "(not saved)"
    return (
        f"{header('Output  Logs')}\n\nThe output logs are located in:\n{where}\n\n"
        f"{header('Module Run')}\n\nRunning Modules:\n{', '.join(names)}\n\n"
    )


def _progress(terminal: Terminal, who: Sequence[str], how_long: float) -> None:
    shown = ", ".join(who[:3]) + (f" and {len(who) - 3} more" if len(who) > 3 else "")
    terminal.progress(f"waiting for {shown} ({how_long:.0f} s)")


def _document(
    found: Sequence[Result],
    started: float,
    took: float,
    folder: RunFolder | None,
    interrupted: bool,
) -> str:
    from ec2rl.report.json_report import Judged, report

    machine = os.uname()
    return report(
        [
            Judged(r.module.name, r.module.domain, r.module.class_, r.finding, r.seconds, r.by_hand)
            for r in found
        ],
        {"name": "ec2rl", "version": __version__},
        {"name": machine.nodename, "kernel": machine.release, "machine": machine.machine},
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        seconds=round(took, 3),
        run_folder=None if folder is None else folder.path,
        interrupted=interrupted,
    )


def _save(folder: RunFolder, found: Sequence[Result], text: str, document: str) -> str:
    """Write the run folder's files; why it could not be done, "" when all is there."""
    from ec2rl.report.text import evidence

    try:
        folder.write("report.txt", text)
        folder.write("report.json", document)
        inside = folder.folder("mod_out").folder("run")
        for one in found:
            inside.write(
                f"{one.module.name}.log", evidence(one.module.name, one.finding, one.by_hand)
            )
    except OSError as error:
        return f"{folder.path}: {os.strerror(error.errno or 0)}"
    return ""


def _record(fd: int, found: Sequence[Result]) -> str:
    from ec2rl.host.recording import case

    memory = {key: look for result in found for key, look in (result.memory or {}).items()}
    verdicts = [f"{r.finding.verdict.name} {r.module.name}: {r.finding.summary}" for r in found]
    try:
        with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(case(memory, verdicts))
    except OSError as error:
        return f"the recording is not complete: {os.strerror(error.errno or 0)}"
    return ""


def _tell_faults(found: Sequence[Result], terminal: Terminal) -> None:
    for result in found:
        traceback = result.finding.facts.get("traceback")
        if isinstance(traceback, str):
            terminal.say(f"{result.module.name}:\n{traceback}")


def _status(
    found: Sequence[Result], fails: Sequence[Verdict], unsaved: bool, exit_zero: bool
) -> int:
    """0 no failure, 1 a failure, 3 something could not be judged, 4 the results are not saved."""
    verdicts = {result.finding.verdict for result in found}
    if exit_zero:
        return UNSAVED if unsaved else 0
    if verdicts.intersection(fails):
        return 1
    if not verdicts or verdicts & {Verdict.UNKNOWN, Verdict.CRASHED}:
        return 3
    return UNSAVED if unsaved else 0
