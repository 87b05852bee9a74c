"""What is left of machines, as the options of `ec2rl run` name it: opened one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ec2rl import slices
from ec2rl.arguments import Parsed, UsageError
from ec2rl.catalogue import names
from ec2rl.commands.reporting import PAST
from ec2rl.facts.period import Period
from ec2rl.host import Clock, Host
from ec2rl.host.caching import CachingHost
from ec2rl.host.recording import CaseError, RecordedHost
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.module import Module
from ec2rl.record import record, replace
from ec2rl.recordings import parse_recording, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ec2rl.host.caching import Observation

_PIPED = ("log", *slices.names("saved_evidence"))
"""The options that may name standard input, or a pipe."""


@record(frozen=True)
class TakenFor:
    """A file, which kind of evidence it was taken for, and how it was compressed."""

    file: str
    kind: str
    packing: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.kind}" + f", {self.packing}" * bool(self.packing)


@record(frozen=True)
class OfflineEvidence:
    """What is left of one machine.

    `gaps` say what of it could not be read, `notes` what was read as less than it may be, `cut`
    why what is missing may have been there; a recording bears `sample`, `period`, `zone` and the
    verdicts that are `expected`.  `files` says what each file was taken for, and `apart` why not
    more of them are of this machine.
    """

    host: Host | Unreadable
    gaps: tuple[str, ...] = ()
    cut: str = ""
    sample: float = 0.0
    period: Period = Period()
    zone: str = ""
    expected: str = ""
    files: tuple[TakenFor, ...] = ()
    apart: str = ""
    notes: tuple[str, ...] = ()


def check(args: Parsed) -> None:
    """Refuse what makes no sense together, before anything is opened."""
    if args.has("remediate"):
        raise UsageError(
            "--remediate changes this machine: it cannot be combined with what another one left"
        )
    if args.has("mask") and not args.has("record"):
        raise UsageError("--mask is about what --record writes")
    _check_namespace(args)
    if args.operands and not args.has("log"):
        _check_files(args)
    else:
        _check_options(args)
    piped = [path for option in _PIPED for path in args.values.get(option, ())]
    inputs = (*piped, *args.operands)
    if inputs.count("-") > 1:
        raise UsageError("standard input can be read once only")
    for option in PAST:
        for path in args.values.get(option, ()):
            if path != "-" or option not in _PIPED:
                _exists(f"--{option}={path}", path)
    for path in args.operands:
        if path != "-":
            _exists(path, path)


def _check_namespace(args: Parsed) -> None:
    others = [option for option in PAST if option != "replay" and args.has(option)]
    if args.has("netns") and (args.operands or others):
        raise UsageError(
            "--netns is about the machine that is running, or about a recording of one (--replay): "
            "nothing else that is saved has its network namespaces"
        )


def _check_files(args: Parsed) -> None:
    if any(map(args.has, PAST)):
        first = args.operands[0]
        raise UsageError(f"run takes no {first!r} there: it stands alone, or behind --log")


def _check_options(args: Parsed) -> None:
    machines = sum(len(args.values.get(kind, ())) for kind in ("root", "sos", "replay"))
    machines += args.has("log")
    if args.has("record") and machines > 1:
        raise UsageError("--record takes one machine at a time")
    for name, form, _ in _forms(args):
        if machines > 1 or args.has("replay"):
            whose = f"whose {form.NOUN} is it?"
            raise UsageError(
                f"--{name} can be combined with one log, volume or sosreport alone: {whose}"
            )


def _exists(named: str, path: str) -> None:
    """Refuse what is not there, before the first of several machines is judged."""
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        hint = f": for one module, --only-modules={path}" if path in names() else ""
        raise UsageError(f"{named}: {why}{hint}") from None


def opened(args: Parsed, modules: Sequence[Module]) -> Iterator[OfflineEvidence]:
    """Yield the machines that options name, each opened when the one before it has been judged."""
    phrases = tuple({phrase: None for module in modules for phrase in module.phrases})
    for path in args.values.get("root", ()):
        yield _beside(OfflineEvidence(_mounted(path)), args)
    for path in args.values.get("sos", ()):
        from ec2rl.host.sos import open_sos

        yield _beside(_read("sos", path, open_sos(path, phrases)), args)
    logs = (*args.values.get("log", ()), *args.operands)
    if logs:
        from ec2rl.host.saved_logs import open_logs

        yield _beside(_read("log", logs[0], open_logs(logs, phrases)), args)
    for path in args.values.get("replay", ()):
        yield _replay(path)
    if not logs and not any(map(args.has, ("root", "sos", "replay"))):
        yield _alone(args)


def _mounted(path: str) -> Host:
    from ec2rl.host.mounted import MountedHost

    try:
        return MountedHost(path)
    except OSError as error:
        raise UsageError(f"--root={path}: {os.strerror(error.errno or 0)}") from None


def _read(option: str, path: str, host: RecordedHost | Unreadable) -> OfflineEvidence:
    """What was read, if there is such a file at all: else the command line is wrong."""
    if isinstance(host, Unreadable):
        _refuse_absent(option, path, host)
        return OfflineEvidence(host)
    return read_host(host)


def read_host(host: RecordedHost) -> OfflineEvidence:
    """Give a machine that was read, with what it says of what could not be."""
    cut = " ".join(_said(host, "cut"))
    return OfflineEvidence(host, _said(host, "gaps"), cut, notes=_said(host, "notes"))


def _said(host: RecordedHost, key: str) -> tuple[str, ...]:
    """The lines of a section that is about the evidence itself."""
    said = host.read(key)
    return tuple(said.text.splitlines()) if isinstance(said, Evidence) else ()


def _refuse_absent(option: str, path: str, answer: Unreadable) -> None:
    if answer.why in (Why.ABSENT, Why.DENIED):
        raise UsageError(f"--{option}={path}: {answer.why.value}")


def _forms(args: Parsed) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """The forms of evidence of a subject that are named: the option, its package's, the paths."""
    for name, form in slices.parts("saved_evidence").items():
        if args.has(name):
            yield name, form, args.values[name]


def _beside(past: OfflineEvidence, args: Parsed) -> OfflineEvidence:
    """The same machine with a saved table, say, beside what is left of it."""
    for name, form, paths in _forms(args):
        if isinstance(past.host, Unreadable):
            break
        found = form.open_named(paths)
        gaps = past.gaps
        if isinstance(found, Unreadable):
            _refuse_absent(name, paths[0], found)
            gaps = (*gaps, str(found))
        host = CachingHost(past.host, dict([form.kept(found)]))
        host.name = f"{past.host.name} with the saved {form.NOUN} {found.source}"
        past = replace(past, host=host, gaps=gaps, cut=past.cut or _cut(form, found))
    return past


def _alone(args: Parsed) -> OfflineEvidence:
    """A machine of which nothing else is left."""
    looks: dict[str, Observation] = {}
    modified, named, cut = 0.0, [], ""
    for name, form, paths in _forms(args):
        found = form.open_named(paths)
        if isinstance(found, Unreadable):
            _refuse_absent(name, paths[0], found)
            return OfflineEvidence(found)
        looks.update([form.kept(found)])
        modified, cut = max(modified, found.modified), cut or _cut(form, found)
        named.append(f"the saved {form.NOUN} {found.source}")
    looks["clock"] = Clock(modified, None, by_file=True)
    nothing = RecordedHost({}, " with ".join(named), missing=Why.NOT_COLLECTED)
    return OfflineEvidence(CachingHost(nothing, looks), cut=cut)


def _cut(form: Any, found: Any) -> str:
    """Why what is missing of saved evidence may have been there, "" where nothing is."""
    whole = not isinstance(found, Unreadable) and not found.gap
    return "" if whole else f"not all of the saved {form.NOUN} could be read"


def _replay(path: str) -> OfflineEvidence:
    found = replayed(path, *read_text(path))
    if isinstance(found.host, Unreadable):
        raise UsageError(f"--replay={path}: {found.host.detail}")
    return found


def replayed(path: str, text: str, changed: str) -> OfflineEvidence:
    """Replay a recording, whose text is `changed` if it is not all that was written."""
    try:
        found = parse_recording(path, text, changed)
        sample = float(found.how.get("sample", 0))
        ends = [
            float(found.how[name]) if name in found.how else None for name in ("since", "until")
        ]
    except (CaseError, KeyError, ValueError) as error:
        return OfflineEvidence(Unreadable(path, Why.FAILED, f"not a recording: {error}"))
    gaps, zone = _said(found.host, "gaps"), found.how.get("zone", "")
    past = OfflineEvidence(found.host, gaps, found.cut, sample, Period(*ends), zone, found.expected)
    return replace(past, notes=_said(found.host, "notes"))
