"""The story of each boot that a text holds: how far it came, where it stopped, and why first."""

from __future__ import annotations

from functools import lru_cache

from ec2rl.facts.boot import words_initrd, words_kernel, words_loader, words_system
from ec2rl.facts.boot.lines import KERNEL, OTHER, PID_1, STATUS, BootLine, boot_lines, has_stamps
from ec2rl.facts.boot.wording import STAGES, Role, Stage, Wording
from ec2rl.facts.panic import RUNS
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WORDS: tuple[Wording, ...] = (
    *words_loader.WORDS,
    *words_kernel.WORDS,
    *words_initrd.WORDS,
    *words_system.WORDS,
)
_RANK = {stage: rank for rank, stage in enumerate(STAGES)}
_COMMAND_LINE = r"(?:Kernel c|C)ommand line: (.*)"
_FIRST = 1.0
"""Seconds since the boot: a kernel says its version before that."""
_WAY = 300.0
"""Seconds since the boot: a kernel that panics later ran, unless it was still in its initrd.

systemd waits 90 for a disk, dracut 180, and a hung task panics after 120.
"""
_ECHO = 2
"""Lines from what systemd says by way of the kernel's log to its status of the same."""
_NEAR = 8
"""Lines behind the one in which systemd names itself, in which it says that it is an initrd's."""


@record(frozen=True)
class Event:
    """A line that says something of a boot, with what stands in it; `stage` is when it was said."""

    word: Wording
    line: BootLine
    values: Mapping[str, str]
    stage: Stage

    @property
    def kind(self) -> str:
        return self.word.kind

    @property
    def place(self) -> Stage:
        """The stage beyond which it kept no boot; what stops one does so here at the earliest."""
        if self.word.role is not Role.STOP:
            return self.word.of
        return max(self.word.of, self.stage, key=_RANK.__getitem__)


@record(frozen=True)
class Boot:
    """A boot: the stage that it came to, and what was said that later success did not outdate.

    `begins` is whether its kernel's first line is there, `is_whole` whether that is, or what comes
    before a kernel; `version` and `command_line` are that kernel's, "" where they are not.  `died`
    is a panic that did not stop the boot: the machine had come up, or ran for long.  `passed` is
    what did not keep it from coming up: what later success outdated, or came behind it.
    """

    stage: Stage
    events: tuple[Event, ...]
    begins: bool
    version: str = ""
    command_line: str = ""
    died: Event | None = None
    is_initrdless: bool = False
    is_shut_down: bool = False
    is_whole: bool = False
    last: BootLine | None = None
    passed: tuple[Event, ...] = ()

    @property
    def stops(self) -> tuple[Event, ...]:
        return tuple(one for one in self.events if one.word.role is Role.STOP)

    @property
    def is_crash_kernel(self) -> bool:
        """Whether kdump started this kernel to save the one before it (kernel/crash_dump.c)."""
        return " elfcorehdr=" in f" {self.command_line}"

    def option(self, name: str) -> str | None:
        """Give the last value of an option on the kernel's command line, "" for one without."""
        found = None
        for word in self.command_line.split():
            key, _, value = word.partition("=")
            found = value if key == name else found
        return found

    def of(self, *kinds: str) -> tuple[Event, ...]:
        """Give the events of these kinds."""
        return tuple(one for one in self.events if one.kind in kinds)


class _Telling:
    """A boot as it is being told."""

    def __init__(self) -> None:
        self.stage = Stage.NOTHING
        self.events: list[Event] = []
        self.passed: list[Event] = []
        self.begins = self.whole = self.initrdless = self.shut_down = False
        self.version = self.command_line = ""
        self.died: Event | None = None
        self.last: BootLine | None = None

    def told(self) -> Boot:
        return Boot(
            self.stage,
            tuple(self.events),
            self.begins,
            self.version,
            self.command_line,
            self.died,
            self.initrdless,
            self.shut_down,
            self.whole or self.begins,
            self.last,
            tuple(self.passed),
        )

    def reach(self, stage: Stage) -> None:
        """Come to a stage: what was said of those before it did not stop this boot."""
        self.stage = stage
        self.passed += [one for one in self.events if _is_outdated(one, stage)]
        self.events = [one for one in self.events if not _is_outdated(one, stage)]


def _is_outdated(event: Event, stage: Stage) -> bool:
    if event.word.role is Role.MORE:
        return False
    return _RANK[event.place] < _RANK[stage]


@lru_cache(maxsize=2)
def read_boots(text: str) -> tuple[Boot, ...]:
    """Tell the boots that a text holds, the last one last; none for a text without any word.

    Several modules ask of the same text.
    """
    words = _Words(text)
    lines = tuple(boot_lines(text, words.knows))
    words.is_stamped = has_stamps(lines)
    boots: list[_Telling] = [_Telling()]
    for at, line in enumerate(lines):
        _take(boots, line, lines[at + 1 : at + 1 + _NEAR], words)
    return tuple(one.told() for one in boots if one.last is not None)


class _Words:
    """The wordings that a text may hold: most hold few of them."""

    def __init__(self, text: str) -> None:
        import re

        self.is_stamped = True
        self._rows = [
            (word, re.compile(word.pattern).fullmatch) for word in WORDS if word.literal in text
        ]
        self._literals = tuple({word.literal for word, _ in self._rows})

    def knows(self, text: str) -> bool:
        return any(literal in text for literal in self._literals)

    def find(self, line: BootLine) -> Iterator[tuple[Wording, dict[str, str]]]:
        """Give what a line says; of what stopped the boot, or may have, the first row."""
        told: set[Role] = set()
        for word, match in self._rows:
            if word.role in told:
                continue
            if word.literal in line.text and self._may_say(word, line):
                found = match(line.text)
                if found is not None:
                    if word.role in (Role.CAUSE, Role.STOP):
                        told.add(word.role)
                    yield word, {k: v for k, v in found.groupdict().items() if v is not None}

    def _may_say(self, word: Wording, line: BootLine) -> bool:
        """Whether these words are this speaker's; without stamps nobody can be told apart."""
        if line.by in word.by:
            is_pid1 = line.text.startswith(PID_1)
            return line.by != KERNEL or STATUS not in word.by or is_pid1
        return not self.is_stamped and line.by == OTHER and KERNEL in word.by


def _take(boots: list[_Telling], line: BootLine, below: Sequence[BootLine], words: _Words) -> None:
    now = boots[-1]
    if _is_beginning(line, words):
        if _RANK[now.stage] >= _RANK[Stage.KERNEL]:
            boots.append(now := _Telling())
        now.begins = True
        now.version = line.text.split()[2]
        now.reach(Stage.KERNEL)
    elif "ommand line: " in line.text and not now.command_line:
        import re

        said = re.fullmatch(_COMMAND_LINE, line.text)
        now.command_line = said[1] if said is not None and now.begins else ""
    for word, values in words.find(line):
        if word.of in (Stage.FIRMWARE, Stage.LOADER) and _RANK[now.stage] >= _RANK[Stage.KERNEL]:
            if word.role is not Role.BEGINS:
                continue
            boots.append(now := _Telling())
        if word.kind == words_system.SYSTEM and any("Running in init" in b.text for b in below):
            continue
        _hear(now, Event(word, line, values, now.stage))
    if words_loader.INITRDLESS in line.text:
        now.initrdless = True
    now.last = line


def _is_beginning(line: BootLine, words: _Words) -> bool:
    """Whether a kernel begins here; others print that in the middle of a line, or later."""
    if not line.text.startswith(words_kernel.BEGINNING) or len(line.text.split()) < 3:
        return False
    if line.by == KERNEL:
        return line.stamp is not None and line.stamp < _FIRST
    return not words.is_stamped and line.by == OTHER


def _is_echo(before: Sequence[Event], event: Event) -> bool:
    """Whether systemd's status says what its line in the kernel's log has just said, and whole."""
    if not before or event.line.by != STATUS or before[-1].line.by != KERNEL:
        return False
    is_next = event.line.number - before[-1].line.number <= _ECHO
    return is_next and before[-1].word is event.word


def _hear(now: _Telling, event: Event) -> None:
    word = event.word
    if word.role is Role.BEGINS:
        now.whole = now.whole or word.of in (Stage.FIRMWARE, Stage.LOADER)
        if _RANK[word.of] > _RANK[now.stage]:
            now.reach(word.of)
        return
    if word.kind in RUNS and _ran(now, event.line):
        now.died = now.died or event
        return
    if word.kind == "shutdown":
        now.shut_down = True
    # What is said behind the target, or while it goes down, did not keep it from coming up.
    is_over = now.stage is Stage.REACHED or now.shut_down
    counts = (word.role is Role.MORE and word.kind != "failed") or not is_over
    heard = now.events if counts else now.passed
    if (counts or not now.shut_down) and not _is_echo(heard, event):
        heard.append(event)


def _ran(now: _Telling, line: BootLine) -> bool:
    """Whether a machine that says this is past its boot: its target, or the time of any boot."""
    is_late = line.stamp is not None and line.stamp >= _WAY and now.stage is not Stage.INITRD
    return now.stage is Stage.REACHED or is_late
