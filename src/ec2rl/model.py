"""The words that every layer shares: frozen values, no input and no output."""

from __future__ import annotations

import sys
from _string import formatter_parser  # type: ignore[import-not-found]

from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Union

    from ec2rl.remedies import Change

    Json = Union[
        None, bool, int, float, str, "list[Json]", "tuple[Json, ...]", Mapping[str, "Json"]
    ]
    Value = Union[None, int, float, str, "Unreadable", "Command", "Statement", tuple["Value", ...]]
    Fact = Union[None, bool, int, float, str, "Statement", "Sequence[Fact]", Mapping[str, "Fact"]]


class Verdict(Choice):
    """What one diagnostic says of one machine; the value is the word that people read."""

    OK = "SUCCESS"
    WARNING = "WARN"
    PROBLEM = "FAILURE"
    UNKNOWN = "UNKNOWN"
    """It could not look: never to be taken for OK."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    CRASHED = "CRASHED"
    """Our own fault; only the engine and the catalogue say it."""


class Risk(Choice):
    """Who may decide on a remedy."""

    SAFE = "safe"
    RISKY = "risky"
    """Never applied unless asked for by name."""
    MANUAL = "manual"
    """Described, never applied by this program."""


@record(frozen=True)
class Evidence:
    """Words that were read, and where they stood; bytes that are no UTF-8 appear as `\\xNN`."""

    source: str
    text: str


class Why(Choice):
    """Why something could not be read: three of these are often confused, none of them is OK."""

    ABSENT = "absent"
    """It is not there, on a machine where we looked."""
    DENIED = "denied"
    """It is there, and we lack a right that `Unreadable.detail` names."""
    NOT_COLLECTED = "not collected"
    """Nobody recorded it: an archive, a volume, a saved log cannot tell.

    With a detail it is not known whether anybody did: what was recorded is cut.
    """
    NOT_RUNNING = "not running"
    PARTIAL = "partial"
    """Some of it was read; what was not may hold anything."""
    FAILED = "failed"


@record(frozen=True)
class Unreadable:
    """A look that gave nothing to judge, with its reason; it travels as a value.

    Decisions are made by `why` alone.  `detail` is words for people: the system's (strerror(3)),
    the name of a right, a limit of ours; a recording keeps them as they are.
    """

    source: str
    why: Why
    detail: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether what was recorded is cut, so that nobody knows whether this was."""
        return self.why is Why.NOT_COLLECTED and bool(self.detail)

    def __str__(self) -> str:
        if self.is_cut:
            return f"{self.source}: unknown, {self.detail}"
        return f"{self.source}: {self.why.value}" + (f" ({self.detail})" if self.detail else "")


@record(frozen=True)
class Command:
    """A command, which is shown as it is typed here: of this program, or (`own`) of another one.

    `root` is whether it needs root; `past` are its words where the evidence is another machine's,
    which needs no root, "" for the same.
    """

    words: str
    root: bool = True
    past: str = ""
    own: bool = True


@record(frozen=True)
class Remedy:
    """One way out of a problem: data that can be printed, tested, applied and inverted."""

    title: str
    changes: tuple[Change, ...]
    risk: Risk
    caveat: str = ""


@record(frozen=True)
class Setting:
    """A value that a person may ask of a fix, as `--set NAME=N` or by its whole `key`.

    `caution` says what it may break; "" for a value that breaks nothing.  `is_time` is for whole
    seconds.
    """

    name: str
    key: str
    caution: str = ""
    is_time: bool = False


@record(frozen=True)
class Held:
    """What a setting has to have room for now: how many there are, in `words` as well."""

    key: str
    number: int
    words: str


@record(frozen=True)
class Rate:
    """What is lost each second now: `what` names it, as "packets lost"."""

    value: float
    what: str


@record(frozen=True)
class FixRequest:
    """What a person asks of a fix.

    `settings` are values by name (`max`, `tcp_timeout_established`); `now` and `boot` say which
    half is wanted; `risky` takes what is offered as RISKY, `lower` allows values below today's,
    `force` more memory than is sensible.
    """

    settings: Mapping[str, int] = {}
    now: bool = True
    boot: bool = True
    risky: bool = False
    lower: bool = False
    force: bool = False


@record(frozen=True)
class Proposal:
    """A fix, ready to be shown: what is to be done, and what is not, and why.

    `refused` says why nothing may be done; `offered` are remedies that were not asked for; `notes`
    are lines about sizes and costs, `after` about the next boot; `by_hand` are the same changes as
    commands (those for the host, where they cannot be made from here); `not_persistent` says
    what the next boot will not keep, and why; `maybe_persistent` of what nobody can tell that.
    """

    chosen: tuple[Remedy, ...] = ()
    offered: tuple[Remedy, ...] = ()
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    not_persistent: tuple[str, ...] = ()
    maybe_persistent: tuple[str, ...] = ()

    @property
    def lasts(self) -> bool | None:
        """Whether the next boot keeps all of it; None where nobody can tell."""
        return False if self.not_persistent else None if self.maybe_persistent else True


MOST = 2000
"""Characters that one statement, or one text in it, is shown with."""


class Role(Choice):
    """What a statement is for, where somebody has to choose among them."""

    STATE = "state"
    PROOF = "proof"
    """What a SUCCESS rests on: not said of evidence that is not whole."""
    FIX = "fix"
    """A command for the machine itself: not said of evidence from another one."""
    PAGE = "page"
    """The way to the module's page: not said on that page."""
    CHANGE = "change"
    """What this run itself changed on the machine, or tried to: always said."""
    HEADLINE = "headline"
    """What, where, since when, how bad now: one line that is enough to act."""
    MORE = "more"
    """What rests below the rest: a person sees it who asks for all."""
    HELP = "help"
    """What helps, in words: the first to go where there is more to do than three lines."""
    DETAILS = "details"
    """The command that shows more of it."""
    NEXT = "next"
    """What to type next where something could not be told: many modules say the same."""
    ASIDE = "aside"
    """What was left out of the verdict, whatever that is, and looks as if it belonged to it."""


@record(frozen=True)
class Statement:
    """Something that is said, as values: `report/wording.py` makes words of it, once and late.

    `template` has a place for each of `values`, `{name}` or `{name:form}`, and for the words that
    depend on when the evidence is from, such as `{now}`.
    """

    template: str
    values: Mapping[str, Value]
    role: Role = Role.STATE


def say(template: str, /, **values: Value) -> Statement:
    """Say something that is so; values from outside stand in `values` alone."""
    return Statement(template, values)


def changed(template: str, /, **values: Value) -> Statement:
    """Say what this run itself changed, or why it did not."""
    return Statement(template, values, Role.CHANGE)


TO_DO = (Role.HELP, Role.FIX, Role.DETAILS, Role.PAGE)
"""What tells a person what to do."""


def more(said: Statement) -> Statement:
    """Say it to those alone who ask for all."""
    return Statement(said.template, said.values, Role.MORE)


def aside(said: Statement) -> Statement:
    """Say it whatever the verdict is."""
    return Statement(said.template, said.values, Role.ASIDE)


def helps(said: Statement) -> Statement:
    """Say it as what helps."""
    return Statement(said.template, said.values, Role.HELP)


def show_more(template: str, /, **values: Value) -> Statement:
    """Say which command shows more of it."""
    return Statement(template, values, Role.DETAILS)


def next_step(template: str, /, **values: Value) -> Statement:
    """Say what to type next where something could not be told."""
    return Statement(template, values, Role.NEXT)


def see_page(module: str) -> Statement:
    """Say where a module's page is."""
    words = f"explain {module}"
    # The second half of a page is about the machine that it is typed on.
    page = Command(words, past=f"{words} --page-only")
    return Statement("Next: {page}", {"page": page}, Role.PAGE)


def none_in(seconds: float) -> Statement:
    """Say that nothing was counted between two looks, so many seconds apart."""
    words = "0 in {the_last} second" if seconds == 1 else "0 in {the_last} {seconds} s"
    return Statement(words, {"seconds": f"{seconds:g}"})


def fix_with(module: str) -> Statement:
    """Say how a module's fix is planned."""
    template = "To fix it: {fix} (shows a plan, and asks)"
    return Statement(template, {"fix": Command(f"fix {module}")}, Role.FIX)


class Tense(Choice):
    """When the evidence is from: the machine that is running, or one that was recorded."""

    PRESENT = "present"
    PAST = "past"


_AS_ROOT = "run it as root on the host itself: {run}"
_RECORD = Command("./ec2rl run --record=FILE", root=False, own=False)
"""On another machine: nobody knows by what name it is called there."""
TENSED: Mapping[str, Mapping[Tense, str | Statement]] = {
    "now": {Tense.PRESENT: "now", Tense.PAST: "then"},
    "is": {Tense.PRESENT: "is", Tense.PAST: "was"},
    "ago_": {Tense.PRESENT: "ago", Tense.PAST: "before the end"},
    "they_are": {Tense.PRESENT: "now", Tense.PAST: "they were"},
    "this_boot": {Tense.PRESENT: "this boot", Tense.PAST: "its last boot"},
    "the_last": {Tense.PRESENT: "the last", Tense.PAST: "its last"},
    "the_last_hour": {Tense.PRESENT: "the last hour", Tense.PAST: "its last hour"},
    "todays_settings": {
        Tense.PRESENT: "today's settings",
        Tense.PAST: "the recorded settings",
    },
    "run_as_root": {
        Tense.PRESENT: say(_AS_ROOT, run=Command("run")),
        Tense.PAST: say(
            "collect it as root on that machine: {dmesg}, or {journal}; or all that is asked for: "
            "{record}",
            dmesg=Command("dmesg > FILE", root=False, own=False),
            journal=Command("journalctl -k -o export > FILE", root=False, own=False),
            record=_RECORD,
        ),
    },
    "collect_all": {
        Tense.PRESENT: say(_AS_ROOT, run=Command("run")),
        Tense.PAST: say("collect the rest as root on that machine: {record}", record=_RECORD),
    },
}
"""Words that depend on when the evidence is from, by the place in a template: `{now}`."""


def fields(template: str) -> set[str]:
    """Name the fields of a template; ValueError for a text that is no template."""
    return {name for _, name, _, _ in formatter_parser(template) if name is not None}


@record(frozen=True)
class Finding:
    """What one diagnostic found.

    `summary` is one line that follows `[STATUS] `; `details` are lines below it; `facts` are
    the values behind the words, for the JSON report: an unknown number is None, never 0.
    `zone` is the time zone of the machine that it is about, "" for ours; `whose` tells which one
    that is, and of when, where it is not the one that we run on.
    """

    verdict: Verdict
    summary: Statement
    details: tuple[Statement, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    facts: Mapping[str, Fact] = {}
    tense: Tense = Tense.PRESENT
    zone: str = ""
    whose: Statement | None = None


_PLAIN = frozenset([type(None), bool, int, float, str, bytes])
"""Types of what is packed as it is: most values, and so told apart before a call is made."""


def pack(value: object) -> object:
    """Pack a record as tuples, text and numbers, for another process of this program."""
    made = type(value)
    if made in _PLAIN:
        return value
    if isinstance(value, dict):
        return _packed(value)
    if isinstance(value, list):
        return _each(pack, value)
    if isinstance(value, tuple):
        return ("tuple", _each(pack, value))
    if isinstance(value, Choice):
        return ("enum", made.__module__, made.__name__, value.name)
    return ("record", made.__module__, made.__name__, _packed(vars(value)))


def unpack(packed: object) -> Any:
    """Undo `pack`."""
    if isinstance(packed, dict):
        return _unpacked(packed)
    if isinstance(packed, list):
        return _each(unpack, packed)
    if not isinstance(packed, tuple):
        return packed
    if packed[0] == "tuple":
        return tuple(_each(unpack, packed[1]))
    kind, module, name, values = packed
    made = getattr(sys.modules.get(module) or __import__(module, fromlist=[name]), name)
    return made[values] if kind == "enum" else made(**_unpacked(values))


def _packed(values: Mapping[str, object]) -> dict[str, object]:
    return {name: one if type(one) in _PLAIN else pack(one) for name, one in values.items()}


def _unpacked(values: Mapping[str, object]) -> dict[str, Any]:
    return {name: one if type(one) in _PLAIN else unpack(one) for name, one in values.items()}


def _each(way: Callable[[object], object], values: Sequence[object]) -> list[object]:
    return [one if type(one) in _PLAIN else way(one) for one in values]
