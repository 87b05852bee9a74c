"""What a diagnostic is: a plain value that says how to look and how to judge."""

from __future__ import annotations

from ec2rl.host import Host, Phrase
from ec2rl.model import Finding, Proposal, Wish
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ec2rl.facts.kernel_log import KernelLog


@record(frozen=True)
class Options:
    """What the user asked of the diagnostics.

    `sample` is the pause before a second look, in seconds, 0 for never; `since` limits the logs, in
    seconds since the epoch.
    """

    sample: float = 1.0
    since: float | None = None


@record(frozen=True)
class Module:
    """One diagnostic; `title` states the good state, `name` states the fault.

    `phrases` is what it looks for in the kernel's log, which the engine reads once for all.
    `read` looks, `judge` is pure and takes what `read` gave; `needs` is said by `list`; `domain`
    and `class_` are words that ec2rl 1.1.7 knows; `seconds` is how long it may take.  `losses` says
    what is lost each second now (None: unknown), to tell whether a fix has helped.
    """

    name: str
    title: str
    domain: str
    phrases: tuple[Phrase, ...]
    read: Callable[[Host, KernelLog, Options], object]
    judge: Callable[..., Finding]
    needs: str
    by_hand: Callable[..., tuple[str, ...]]
    propose: Callable[[Host, Any, Wish], Proposal] | None = None
    losses: Callable[[Host], float | None] | None = None
    class_: str = "diagnose"
    seconds: float = 60.0
