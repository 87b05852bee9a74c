"""`ec2rl run --root|--sos|--log|--replay`: the same judges, on what is left of a machine."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Sequence

from ec2rl.arguments import Parsed, UsageError
from ec2rl.catalogue import choose
from ec2rl.commands import run
from ec2rl.engine import Plan, Race, Result
from ec2rl.facts.zone import is_zone, zone
from ec2rl.host import Host, Phrase
from ec2rl.host.fake import CaseError, FakeHost, sections
from ec2rl.model import Evidence, Finding, Unreadable, Verdict, Why
from ec2rl.module import Module, Options
from ec2rl.record import record, replace
from ec2rl.report.escape import one_line
from ec2rl.report.text import header, results, statistics
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json
    from ec2rl.report.saved import RunFolder

_RECORDING = 64 << 20
"""Bytes."""


@record(frozen=True)
class Past:
    """What is left of one machine; `expected` are the verdicts that a recording bears."""

    host: Host | Unreadable
    sample: float = 0.0
    since: float | None = None
    zone: str = ""
    expected: str = ""


@record(frozen=True)
class Judgement:
    """One machine's section of the report."""

    name: str
    when: str
    gaps: tuple[str, ...]
    found: tuple[Result, ...]
    seconds: float
    host: dict[str, Json]
    since: float | None = None
    zone: str = ""


def judge_the_past(said: Parsed, terminal: Terminal) -> int:
    """Judge each machine by itself; exit status and options are those of `run`."""
    started, clock = time.time(), time.monotonic()
    as_json, fails = run.is_json(said, terminal), run.failing(said)
    plan, modules = run.plan_of(said, started), choose(said)
    _check(said)
    recording = run.open_new(said.last("record")) if said.has("record") else None
    folder, unsaved = run.open_folder(said, terminal, started)
    if not as_json:
        terminal.out(run.opening(folder, [module.name for module in modules]))

    judged: list[Judgement] = []
    interrupted = False
    for past in _pasts(said, modules):
        one, interrupted = _judge(past, modules, plan, terminal)
        judged.append(one)
        if not as_json:
            terminal.out(_text(one, terminal.colour))
        _tell(past, one, plan, terminal)
        if recording is not None:
            options = Options(past.sample, one.since)
            unsaved = run.record_looks(recording, one.found, options, said.has("mask"), one.zone)
        if interrupted:
            break

    took = time.monotonic() - clock
    document = _document(judged, started, took, folder, interrupted)
    if folder is not None:
        text = "".join(_text(one, False) for one in judged)
        unsaved = run.save(folder, [one.found for one in judged], text, document) or unsaved
    if as_json:
        terminal.out(document)
    if interrupted:
        terminal.say("interrupted: what was not finished is UNKNOWN")
        return 130
    if unsaved:
        terminal.say(f"results not saved: {unsaved}")
    found = [result for one in judged for result in one.found]
    return run.exit_status(found, fails, bool(unsaved), said.has("exit-zero"))


def _check(said: Parsed) -> None:
    """Refuse what makes no sense together, before anything is opened."""
    if said.has("remediate"):
        raise UsageError("--remediate changes this machine: it goes with none of the past")
    if said.operands and not said.has("log"):
        raise UsageError(f"run takes no {said.operands[0]!r}; see: ec2rl help run")
    machines = sum(len(said.values.get(kind, ())) for kind in ("root", "sos", "replay"))
    if said.has("record") and machines + said.has("log") > 1:
        raise UsageError("--record takes one machine at a time")


def _tell(past: Past, one: Judgement, plan: Plan, terminal: Terminal) -> None:
    if past.expected and _expected(past.expected) != _verdicts(one.found):
        terminal.say(f"{one.name}: other verdicts than when it was recorded")
    if plan.debug:
        run.tell_faults(one.found, terminal)


def _pasts(said: Parsed, modules: Sequence[Module]) -> Iterator[Past]:
    """The machines, each opened when the one before it has been judged."""
    phrases = tuple({phrase: None for module in modules for phrase in module.phrases})
    for path in said.values.get("root", ()):
        yield Past(_mounted(path))
    for path in said.values.get("sos", ()):
        yield _sos(path, phrases)
    logs = (*said.values.get("log", ()), *said.operands)
    if logs:
        from ec2rl.host.saved_logs import open_logs

        yield Past(_there("log", logs[0], open_logs(logs, phrases)))
    for path in said.values.get("replay", ()):
        yield _replay(path)


def _mounted(path: str) -> Host:
    from ec2rl.host.mounted import MountedHost

    try:
        return MountedHost(path)
    except OSError as error:
        raise UsageError(f"--root={path}: {os.strerror(error.errno or 0)}") from None


def _sos(path: str, phrases: Sequence[Phrase]) -> Past:
    from ec2rl.host.sos import open_sos

    return Past(_there("sos", path, open_sos(path, phrases)))


def _there(option: str, path: str, host: FakeHost | Unreadable) -> Host | Unreadable:
    """The same, if there is such a file at all: else the command line is wrong."""
    if isinstance(host, Unreadable) and host.why in (Why.ABSENT, Why.DENIED):
        raise UsageError(f"--{option}={path}: {host.why.value}")
    return host


def _replay(path: str) -> Past:
    try:
        with open(path, encoding="utf-8", errors="backslashreplace", newline="") as file:
            text = file.read(_RECORDING + 1)
        if len(text) > _RECORDING:
            raise UsageError(f"--replay={path}: larger than {_RECORDING >> 20} MiB")
        _, looks = sections(text)
        how = dict(word.partition("=")[::2] for word in looks.pop("options", "").split())
        host = FakeHost(looks, f"the recording {path}", missing=Why.NOT_COLLECTED)
        host.clock()
        since = float(how["since"]) if "since" in how else None
        return Past(
            host, float(how.get("sample", 0)), since, how.get("zone", ""), looks.get("expect", "")
        )
    except OSError as error:
        raise UsageError(f"--replay={path}: {os.strerror(error.errno or 0)}") from None
    except (CaseError, KeyError, ValueError) as error:
        raise UsageError(f"--replay={path}: not a recording: {error}") from None


def _judge(
    past: Past, modules: Sequence[Module], plan: Plan, terminal: Terminal
) -> tuple[Judgement, bool]:
    host = past.host
    if isinstance(host, Unreadable):
        lost = Finding(Verdict.UNKNOWN, f"Could not be judged: {host}")
        found = tuple(Result(module, lost, 0.0) for module in modules)
        return Judgement(host.source, "", (), found, 0.0, {"name": host.source}), False
    clock = time.monotonic()
    since = past.since if plan.options.since is None else plan.options.since
    own = past.zone or zone(host)
    with _Zone(own):
        recorded = host.clock().now
        when = _date(recorded) if recorded else "at a time unknown"
        race = Race(modules, host, replace(plan, options=Options(past.sample, since)))
        race.start()
        results_, interrupted = race.finish(lambda *waiting: run.progress(terminal, *waiting))
    where = f"{host.name}, as recorded {when}"
    found = tuple(_of_the_past(result, where) for result in results_)
    said = host.read("gaps") if isinstance(host, FakeHost) else None
    gaps = tuple(said.text.splitlines()) if isinstance(said, Evidence) else ()
    release = host.read("/proc/sys/kernel/osrelease")
    about: dict[str, Json] = {
        "name": host.name,
        "kernel": release.text.strip() if isinstance(release, Evidence) else None,
        "machine": None,
        "recorded": _iso(recorded) if recorded else None,
        "gaps": list(gaps),
    }
    took = time.monotonic() - clock
    return Judgement(host.name, when, gaps, found, took, about, since, own), interrupted


def _of_the_past(result: Result, where: str) -> Result:
    """A result that says whose it is and of when: what a judge calls "now" was then.

    The commands by hand are for a machine that runs.
    """
    finding = replace(
        result.finding,
        summary=f"{_then(result.finding.summary)} (in {where})",
        details=tuple(map(_then, result.finding.details)),
    )
    return replace(result, finding=finding, by_hand=())


def _then(words: str) -> str:
    return re.sub(r"\bnow\b", "then", words)


class _Zone:
    """The time zone of the machine that is judged, for a while."""

    def __init__(self, name: str) -> None:
        self.name = name if is_zone(name) else ""

    def __enter__(self) -> None:
        self.before = os.environ.get("TZ")
        self._set(self.name or self.before)

    def __exit__(self, *_: object) -> None:
        self._set(self.before)

    def _set(self, name: str | None) -> None:
        if name is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = name
        time.tzset()


def _date(when: float) -> str:
    return "on " + time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(when))


def _iso(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def _verdicts(found: Sequence[Result]) -> set[str]:
    return {f"{result.finding.verdict.name} {result.module.name}" for result in found}


def _expected(text: str) -> set[str]:
    """The verdicts of a recording; whose they are, and details, are told in other words now."""
    return {line.partition(":")[0] for line in text.split("\n") if line and line[:2] != "--"}


def _text(one: Judgement, colour: bool) -> str:
    pairs = [(result.module.name, result.finding) for result in one.found]
    lines = [header("Evidence"), "", one_line(f"{one.name}, as recorded {one.when}")]
    lines += [one_line(f"Not read: {gap}") for gap in one.gaps]
    body = results(pairs, colour) + "\n" + statistics(pairs, one.seconds)
    return "\n".join(lines) + "\n\n" + body + "\n"


def _document(
    judged: Sequence[Judgement],
    started: float,
    took: float,
    folder: RunFolder | None,
    interrupted: bool,
) -> str:
    """One report, or for several machines an object that holds their reports."""
    documents = [
        run.document_of(one.found, started, one.seconds, folder, interrupted, one.host)
        for one in judged
    ]
    if len(documents) == 1:
        return documents[0]
    reports = {
        "schema_version": 1,
        "seconds": round(took, 3),
        "reports": [json.loads(document) for document in documents],
    }
    return json.dumps(reports, indent=2, ensure_ascii=True) + "\n"
