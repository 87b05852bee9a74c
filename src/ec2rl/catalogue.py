"""The diagnostics that there are: each is one file in `modules`, found by its name."""

from __future__ import annotations

from ec2rl import shipped
from ec2rl.arguments import Parsed, UsageError
from ec2rl.model import Finding, Verdict, say
from ec2rl.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FOLDER = "modules"
_UNKNOWN = "unknown"


def names() -> tuple[str, ...]:
    """Give the names of all diagnostics, sorted; none of them is loaded for it."""
    return tuple(
        sorted(n[:-3] for n in shipped.names(_FOLDER) if n.endswith(".py") and n[0] not in "_.")
    )


class BrokenModuleError(Exception):
    """A module's file cannot be loaded; the message names it, the cause is what was raised."""


def load(name: str) -> Module:
    """Load a diagnostic by its name.

    UsageError when there is none, BrokenModuleError when its file gives none.
    """
    is_name = name.isidentifier() and name[0] != "_"
    if not is_name or not shipped.has(f"{_FOLDER}/{name}.py"):
        from ec2rl.unknown import unknown

        raise UsageError(unknown("module", name, names()), "ec2rl list")
    try:
        module: Module = __import__(f"ec2rl.modules.{name}", fromlist=["MODULE"]).MODULE
    except (Exception, SystemExit) as error:
        path = shipped.path(f"{_FOLDER}/{name}.py")
        raise BrokenModuleError(f"{path}: {type(error).__name__}: {error}") from error
    return module


def loadable() -> Iterator[Module]:
    """Yield all diagnostics but those whose file is broken."""
    for name in names():
        try:
            yield load(name)
        except BrokenModuleError:
            continue


def _load_or_report(name: str) -> Module:
    """One diagnostic; of a broken file one whose finding is what is wrong with it."""
    try:
        return load(name)
    except BrokenModuleError as error:
        why = say("fault of ec2rl itself: cannot load {error}", error=str(error))
        return Module(
            name=name,
            title=f"cannot be loaded: {error}",
            domain=_UNKNOWN,
            phrases=(),
            read=lambda *_: None,
            judge=lambda _: Finding(Verdict.CRASHED, why),
            needs=_UNKNOWN,
            by_hand=lambda _: (),
            class_=_UNKNOWN,
        )


def page(name: str) -> str:
    """Give the page of a diagnostic, as it ships with the code."""
    return shipped.text(f"{_FOLDER}/{name}.md")


def choose(args: Parsed) -> list[Module]:
    """Choose what all of --only-modules, --only-domains, --only-classes admit, less --no.

    UsageError for a name that there is not: a typing error must not choose silently.
    """
    only, without = args.names("only-modules"), args.names("no") or ()
    if only == ():
        raise UsageError("--only-modules names no module")
    _check("module", without, names())
    chosen = [
        _load_or_report(name) for name in (names() if only is None else only) if name not in without
    ]
    every = chosen if only is None else None
    for option, field in (("only-domains", "domain"), ("only-classes", "class_")):
        wanted = args.names(option)
        if wanted is None:
            continue
        every = list(loadable()) if every is None else every
        known = sorted({getattr(module, field) for module in every} - {_UNKNOWN})
        _check({"domain": "domain", "class_": "class"}[field], wanted, known)
        # Nobody knows that a broken one is of another kind.
        chosen = [one for one in chosen if getattr(one, field) in (*wanted, _UNKNOWN)]
    return chosen


def _check(kind: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            from ec2rl.unknown import unknown

            raise UsageError(unknown(kind, name, known), "ec2rl list")
