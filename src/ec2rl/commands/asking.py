"""What a module does outside of a run: asked in a process of its own, in a time, and checked."""

from __future__ import annotations

from functools import partial

from ec2rl.catalogue import load
from ec2rl.fix.execute import words
from ec2rl.host.caching import CachingHost
from ec2rl.host.live import LiveHost
from ec2rl.model import Finding, FixRequest, Held, Proposal, Rate, Remedy, Risk
from ec2rl.module import Module, bounded, diagnose
from ec2rl.process import Limits, LostError, run, within
from ec2rl.remedies import Change, Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, TypeVar

    from ec2rl.host import Host

    T = TypeVar("T")

_MOST = 16 << 20
"""Bytes of an answer: a plan holds the texts of files, before and after."""

_HELD_SECONDS = 30.0
"""How long a module may look for what has to have room."""

_RECORDS = {made.__name__: made for made in (Held, Lines, Proposal, Rate, Remedy, Risk)}


class ModuleFaultError(Exception):
    """A module hangs, raises, or answers what it may not; the message says which, and why."""


def ask(name: str, seconds: float, work: Callable[[], T], form: str) -> T:
    """Do work of the module `name` in a child that can be ended, and give its answer.

    `form` is the answer's, as an annotation.  Where no process can be had it is done here.
    ModuleFaultError where there is no such answer in time, from the ImportError that was raised.
    """
    import pickle

    def answer() -> bytes:
        try:
            return pickle.dumps((_checked(work(), form), "", None))
        except (Exception, SystemExit) as error:
            lacking = error if isinstance(error, ImportError) else None
            return pickle.dumps((None, words(error), lacking))

    try:
        try:
            said = run(answer, Limits(seconds), _MOST)
        except OSError:
            said = within(seconds, answer)
    except LostError as error:
        raise ModuleFaultError(f"{name}: {error}") from None
    try:
        found, fault, lacking = pickle.loads(said)  # noqa: S301 - our own process's words
    except Exception:  # something else got into its pipe
        raise ModuleFaultError(f"{name}: its answer cannot be understood") from None
    if fault:
        raise ModuleFaultError(f"{name}: {fault}") from lacking
    return found  # type: ignore[no-any-return]


def planned(
    module: Module, request: FixRequest, host: Host, seconds: float
) -> tuple[Finding, Proposal]:
    """Have a module that has a fix look at a machine, judge it, and plan."""
    propose = module.propose
    assert propose is not None

    def work() -> tuple[Finding, Proposal]:
        memory = CachingHost(host)
        found = diagnose(module, memory)
        finding, _ = bounded(found.finding, found.by_hand)
        return finding, propose(memory, found.seen, request)

    return ask(module.name, seconds, work, "tuple[Finding, Proposal]")


def measured(module: Module) -> Rate | None:
    """Measure what is lost each second now; None where that is not known."""
    measure = module.measure
    if measure is None:
        return None
    work = partial(measure, CachingHost(LiveHost()))
    return ask(module.name, module.seconds, work, "Rate | None")


def held_by(name: str) -> tuple[Held, ...]:
    """Ask the module `name` what has to have room now; it is loaded there, too."""

    def work() -> tuple[Held, ...]:
        look = load(name).held
        return () if look is None else look(LiveHost())

    return ask(name, _HELD_SECONDS, work, "tuple[Held, ...]")


def _checked(answer: T, form: str) -> T:
    if not _fits(answer, form):
        raise TypeError(f"its answer is no {form}")
    return answer


def _fits(value: object, form: str) -> bool:
    """Tell whether a value is as a record's field with this annotation, and all in it is as well.

    A form that is not known here is not looked into.
    """
    form = "tuple[int, int, int]" if form == "Owner" else form
    if form.endswith(" | None"):
        return value is None or _fits(value, form[: -len(" | None")])
    if form.startswith("tuple["):
        inner = form[len("tuple[") : -1].split(", ")
        if not isinstance(value, tuple) or (inner[1] != "..." and len(value) != len(inner)):
            return False
        forms = inner[:1] * len(value) if inner[1] == "..." else inner
        return all(map(_fits, value, forms))
    if form in ("str", "int"):
        return type(value).__name__ == form
    if form == "float":
        return type(value) in (int, float) and value - value == 0  # type: ignore[operator]
    if form == "Change":
        return isinstance(value, Change) and _is_whole(value)
    made = _RECORDS.get(form)
    return made is None or (isinstance(value, made) and _is_whole(value))


def _is_whole(value: object) -> bool:
    """Tell whether each field of a record is of the form that it is annotated with."""
    forms = getattr(type(value), "__annotations__", {})
    return all(_fits(getattr(value, name), form) for name, form in forms.items())
