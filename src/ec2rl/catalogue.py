"""The diagnostics that there are: each is one file in `modules`, found by its name."""

from __future__ import annotations

import os

from ec2rl import modules as _package
from ec2rl.arguments import Parsed, UsageError, unknown
from ec2rl.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = os.path.dirname(_package.__file__)


def names() -> tuple[str, ...]:
    """The names of all diagnostics, sorted; none of them is loaded for it."""
    return tuple(
        sorted(n[:-3] for n in os.listdir(_FOLDER) if n.endswith(".py") and n[0] not in "_.")
    )


def load(name: str) -> Module:
    """One diagnostic by its name; UsageError when there is none."""
    if name not in names():
        raise UsageError(unknown("module", name, names()))
    module: Module = __import__(f"ec2rl.modules.{name}", fromlist=["MODULE"]).MODULE
    return module


def page(name: str) -> str:
    """The page of a diagnostic, as it ships with the code."""
    with open(os.path.join(_FOLDER, f"{name}.md"), encoding="utf-8") as file:
        return file.read()


def choose(said: Parsed) -> list[Module]:
    """The diagnostics that all of --only-modules, --only-domains, --only-classes admit, less --no.

    UsageError for a name that there is not: a typing error must not choose silently.
    """
    only = said.names("only-modules")
    chosen = [load(name) for name in (names() if only is None else only)]
    every = chosen if only is None else None
    for option, field in (("only-domains", "domain"), ("only-classes", "class_")):
        wanted = said.names(option)
        if wanted is None:
            continue
        if every is None:
            every = [load(name) for name in names()]
        known = sorted({getattr(module, field) for module in every})
        _check({"domain": "domain", "class_": "class"}[field], wanted, known)
        chosen = [module for module in chosen if getattr(module, field) in wanted]
    without = said.names("no") or ()
    _check("module", without, names())
    return [module for module in chosen if module.name not in without]


def _check(kind: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise UsageError(unknown(kind, name, known))
