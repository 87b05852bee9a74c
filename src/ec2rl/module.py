"""What a diagnostic is: a plain value that says how to look and how to judge."""

from __future__ import annotations

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import KernelLog, LogSource
from ec2rl.facts.period import Period
from ec2rl.host import Host, Phrase
from ec2rl.model import (
    MOST,
    TENSED,
    Command,
    Finding,
    FixRequest,
    Held,
    Proposal,
    Rate,
    Setting,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fields,
    say,
)
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

DETAILS = 200
"""How many lines a finding may show."""


@record(frozen=True)
class Options:
    """What the user asked of the diagnostics.

    `sample` is the pause before a second look, in seconds, 0 for never; `period` is the time
    that the logs are asked about; with `strict` only what is proven makes a failure; `by_hand` is
    whether the commands by hand will be shown, and what only they need is looked at too; `netns` is
    the network namespace that is to be judged alone, as a person names it, "" for all.
    """

    sample: float = 1.0
    period: Period = Period()
    strict: bool = False
    by_hand: bool = False
    netns: str = ""


STORY, BOOT, ACCESS, WORK = range(4)
"""Ranks: how far the boot came; what stops it; what keeps people out; what else goes wrong."""


@record(frozen=True)
class Module:
    """One diagnostic; `title` states the good state, `name` states the fault.

    `phrases` is what it looks for in the kernel's log, which the engine reads once for all.
    `read` looks, `judge` is pure and takes what `read` gave; `needs` is said by `list`; `domain`
    and `class_` are words that ec2rl 1.1.7 knows; `seconds` is how long it may take.  Where there
    is a fix, `propose` plans it, `settings` are what may be asked of it, `measure` says what is
    lost now (None: unknown), to tell whether it has helped, `held` what the settings have to have
    room for now, and `details` is a command for more.  One that can judge a network namespace alone
    has `namespace`, which gives the label of the one that is meant, or why there is none.  `rank`
    is what comes first: results of one verdict, and fixes, stand in that order.
    """

    name: str
    title: str
    domain: str
    phrases: tuple[Phrase, ...]
    read: Callable[[Host, KernelLog, Options], object]
    judge: Callable[..., Finding]
    needs: str
    by_hand: Callable[..., tuple[Statement | str, ...]]
    propose: Callable[[Host, Any, FixRequest], Proposal] | None = None
    settings: tuple[Setting, ...] = ()
    measure: Callable[[Host], Rate | None] | None = None
    held: Callable[[Host], tuple[Held, ...]] | None = None
    namespace: Callable[[Host, str], str | Unreadable] | None = None
    details: str = ""
    class_: str = "diagnose"
    seconds: float = 60.0
    rank: int = WORK

    @property
    def keys(self) -> tuple[str, ...]:
        """The kernel settings that its fix may change."""
        return tuple(one.key for one in self.settings)

    def setting(self, name: str) -> Setting | None:
        """Give the setting of this short name, or of this whole key."""
        return next((one for one in self.settings if name in (one.name, one.key)), None)


@record(frozen=True)
class Diagnosis:
    """What a module saw of a machine, and what it says of that."""

    seen: Any
    finding: Finding
    by_hand: tuple[Statement | str, ...]


_NO_LOG = KernelLog(
    (), LogSource("dmesg", Unreadable("kernel log", Why.NOT_COLLECTED, "not asked"))
)
"""For a module that does not ask for the log: one that hangs is not to hang it."""


def diagnose(
    module: Module, host: Host, options: Options | None = None, log: KernelLog | None = None
) -> Diagnosis:
    """Look at a machine as a module does, and judge it; `log` where it has been read already."""
    options = options or Options()
    if not module.phrases:
        log = _NO_LOG
    elif log is None:
        log = read_kernel_log(host, module.phrases, options.period, options.strict)
    seen = module.read(host, log, options)
    return Diagnosis(seen, module.judge(seen), module.by_hand(seen))


def bounded(
    finding: Finding, by_hand: tuple[Statement | str, ...]
) -> tuple[Finding, tuple[Statement | str, ...]]:
    """Cut what a module has answered to what a person can read.

    TypeError for a finding, or for lines by hand, that no report could show.
    """
    if not (
        isinstance(by_hand, tuple)
        and all(isinstance(line, (Statement, str)) for line in by_hand)
        and _said(by_hand)
    ):
        raise TypeError("by_hand gives no tuple of lines")
    if not (
        isinstance(finding, Finding)
        and isinstance(finding.verdict, Verdict)
        and isinstance(finding.summary, Statement)
        and isinstance(finding.details, tuple)
        and all(isinstance(line, Statement) for line in finding.details)
        and _said((finding.summary, *finding.details))
        and all(isinstance(e.source, str) and isinstance(e.text, str) for e in finding.evidence)
        and _plain(finding.facts)
    ):
        raise TypeError("the judge gives no finding that can be reported")
    details = finding.details[:DETAILS]
    if len(finding.details) > DETAILS:
        details += (say("{n} more lines", n=len(finding.details) - DETAILS),)
    summary, facts = _cut(finding.summary), _cut_facts(finding.facts)
    return replace(finding, summary=summary, details=_cut(details), facts=facts), _cut(by_hand)


def _said(value: object, depth: int = 20) -> bool:
    """Whether it can be shown: a place of a statement that nothing fills cannot."""
    if isinstance(value, Statement):
        filled = value.values.keys() | TENSED.keys()
        return fields(value.template) <= filled and _said((*value.values.values(),), depth)
    if isinstance(value, tuple):
        return depth > 0 and all(_said(one, depth - 1) for one in value)
    if isinstance(value, Command):
        return isinstance(value.words, str) and isinstance(value.past, str)
    if isinstance(value, Unreadable):
        return isinstance(value.source, str) and isinstance(value.detail, str)
    return not isinstance(value, (list, dict)) and _plain(value)


def _cut(value: Any) -> Any:
    """What can be said, each text in it cut to what a person can read."""
    if isinstance(value, Statement):
        return replace(value, values={name: _cut(one) for name, one in value.values.items()})
    if isinstance(value, tuple):
        return tuple(map(_cut, value))
    if isinstance(value, Unreadable):
        return replace(value, source=value.source[:MOST], detail=value.detail[:MOST])
    return value[:MOST] if isinstance(value, str) else value


def _cut_facts(value: Any) -> Any:
    """Facts, with what is said among them cut; other text is for a program, and stays whole."""
    if isinstance(value, dict):
        return {name: _cut_facts(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cut_facts(one) for one in value]
    return _cut(value) if isinstance(value, Statement) else value


def _plain(value: object, depth: int = 20) -> bool:
    """Whether JSON can hold it, once its statements are words."""
    if isinstance(value, Statement):
        return _said(value)
    if isinstance(value, dict):
        return depth > 0 and all(
            isinstance(key, str) and _plain(item, depth - 1) for key, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return depth > 0 and all(_plain(item, depth - 1) for item in value)
    if isinstance(value, float):
        return value - value == 0  # neither infinite nor no number
    if isinstance(value, int):
        return value.bit_length() <= 1024
    return value is None or isinstance(value, str)
