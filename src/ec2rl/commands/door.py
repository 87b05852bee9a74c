"""`ec2rl run FILE...`: any evidence, recognised by its content; what belongs together, together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ec2rl.arguments import Parsed, UsageError
from ec2rl.commands.evidence import OfflineEvidence, TakenFor, read_host, replayed
from ec2rl.evidence.beside import Beside
from ec2rl.evidence.folders import Given
from ec2rl.evidence.kinds import Use
from ec2rl.evidence.loose import open_loose, recognise, recording_text
from ec2rl.evidence.machines import Item, Machine
from ec2rl.evidence.machines import machines as together
from ec2rl.evidence.parts import SOME
from ec2rl.host import Phrase
from ec2rl.host.files import unreadable
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved import NotReadError, Saved, names_of
from ec2rl.model import Unreadable, Why
from ec2rl.module import Module
from ec2rl.record import replace

_MACHINES = 64


def machines(args: Parsed, modules: Sequence[Module]) -> Iterator[OfflineEvidence]:
    """Give the machines that files are of, each opened when the one before it has been judged.

    What there is was recognised when this returns. UsageError for what is not there.
    """
    phrases = tuple({phrase: None for module in modules for phrase in module.phrases})
    given = Given()
    try:
        for path in args.operands:
            _add(given, path)
        given.pass_links()
        items = recognise(given.files)
        found = [] if isinstance(items, Unreadable) else together(given.group(items))
        _check(args, found)
    except BaseException:
        given.close()
        raise
    return _opened(given, items, found, phrases)


def _add(given: Given, path: str) -> None:
    try:
        given.add(path)
    except (OSError, NotReadError) as error:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: {why}") from None


def _check(args: Parsed, found: Sequence[Machine]) -> None:
    if len(found) > _MACHINES:
        raise UsageError(f"these are files of more than {_MACHINES} machines: name fewer")
    if len(found) > 1 and args.has("record"):
        raise UsageError(f"--record takes one machine at a time: {found[0].why}")


def _opened(
    given: Given,
    items: Sequence[Item] | Unreadable,
    found: Sequence[Machine],
    phrases: Sequence[Phrase],
) -> Iterator[OfflineEvidence]:
    """Open one machine after the other; what is none's evidence is told with the first."""
    try:
        if isinstance(items, Unreadable):
            yield OfflineEvidence(items)
            return
        every = [one for item in items for one in item.parts or (item,)]
        others = [f"{item.name}: {item.kind.name}" for item in every if not item.is_known]
        gaps = (*given.lost, *others, *given.passed)
        is_lost = given.lost or any(item.kind.use is Use.LOST for item in every)
        cut = "not all of the files could be read" if is_lost else ""
        if not found:
            why = "; ".join(gaps) or "there is no file in it"
            yield OfflineEvidence(Unreadable("the evidence", Why.FAILED, why), gaps, cut)
        for machine in found:
            for past in _open(machine, given.files, phrases):
                yield replace(past, gaps=(*past.gaps, *gaps), cut=past.cut or cut)
                gaps = ()
    finally:
        given.close()


def _open(
    machine: Machine, files: Sequence[Saved], phrases: Sequence[Phrase]
) -> Iterator[OfflineEvidence]:
    """The machine; and what lies beside it as another one, where it has that itself."""
    whole = [item for item in machine.items if item.stands_alone]
    loose = {item.mark: item for item in reversed(machine.items) if not item.stands_alone}
    rest = [item for item in machine.items if item in loose.values()]
    same = [item for item in machine.items if item not in (*whole, *rest)]
    gaps = [f"{item.name}: the same as {loose[item.mark].name}" for item in same]
    beside = _loose(rest, files, phrases, gaps) if rest else None
    if not whole:
        assert beside is not None
        yield replace(beside, apart=machine.why)
        return
    past = _whole(whole[0], files, phrases)
    if beside is None:
        yield replace(past, apart=machine.why)
    elif why := _against(past, beside):
        yield replace(past, apart=why)
        yield replace(beside, apart=why)
    else:
        yield _joined(past, beside, machine.why)


def _loose(
    items: Sequence[Item], files: Sequence[Saved], phrases: Sequence[Phrase], gaps: Sequence[str]
) -> OfflineEvidence:
    named = dict.fromkeys(item.index if item.whole < 0 else item.whole for item in items)
    what = "the log" if all(item.kind.use is Use.LOG for item in items) else "the file"
    name = f"{what}{'s' * (len(named) > 1)} {names_of([files[index] for index in named])}"
    host = open_loose(name, [(files[item.index], item.kind) for item in items], phrases, gaps)
    past = OfflineEvidence(host) if isinstance(host, Unreadable) else read_host(host)
    if any(item.kind.name == SOME.name for item in items):
        past = replace(past, cut=past.cut or "dmesg was not printed whole")
    return replace(past, files=_taken(items))


def _whole(item: Item, files: Sequence[Saved], phrases: Sequence[Phrase]) -> OfflineEvidence:
    """A sosreport, a volume or a recording."""
    past = _machine(item, files, phrases)
    if item.kind.use is Use.ARCHIVE and not isinstance(past.host, Unreadable) and not past.notes:
        item = replace(item, kind=replace(item.kind, name="sosreport"))
    return replace(past, files=_taken([item]))


def _machine(item: Item, files: Sequence[Saved], phrases: Sequence[Phrase]) -> OfflineEvidence:
    if item.kind.use is Use.ROOT:
        from ec2rl.host.mounted import MountedHost

        try:
            return OfflineEvidence(MountedHost(item.name))
        except OSError as error:
            return OfflineEvidence(unreadable(item.name, error))
    if item.kind.use is Use.RECORDING:
        text = recording_text(files[item.index])
        if isinstance(text, Unreadable):
            return OfflineEvidence(text)
        return replayed(item.name, *text)
    from ec2rl.host.sos import open_sos, read_sos

    is_folder = item.index < 0
    host = open_sos(item.name, phrases) if is_folder else read_sos(files[item.index], phrases)
    return OfflineEvidence(host) if isinstance(host, Unreadable) else read_host(host)


def _against(past: OfflineEvidence, beside: OfflineEvidence) -> str:
    """Why files are not of the machine that they were given with: it has their answers itself."""
    if isinstance(past.host, Unreadable) or isinstance(beside.host, Unreadable):
        return "one of them could not be read"
    if not isinstance(past.host, RecordedHost) or not isinstance(beside.host, RecordedHost):
        return ""
    same = past.host.keys() & beside.host.keys() - {
        "clock",
        "expect",
        "gaps",
        "notes",
        "cut",
        "ls /proc",
    }
    if not same:
        return ""
    return f"{past.files[0].file} has {min(same)} itself, of another moment or machine"


def _joined(past: OfflineEvidence, beside: OfflineEvidence, why: str) -> OfflineEvidence:
    assert isinstance(beside.host, RecordedHost)
    assert not isinstance(past.host, Unreadable)
    return replace(
        past,
        host=Beside(past.host, beside.host),
        gaps=(*past.gaps, *beside.gaps),
        notes=(*past.notes, *beside.notes),
        cut=past.cut or beside.cut,
        files=(*past.files, *beside.files),
        apart=why,
    )


def _taken(items: Sequence[Item]) -> tuple[TakenFor, ...]:
    return tuple(TakenFor(item.name, item.kind.name, item.packing) for item in items)
