"""Which units failed, by what systemd said of them, and which of these were well again later.

src/core/unit.c, job.c (job_done_message_format) and service.c, systemd 219 to 257; up to 245 a
unit is named by its description alone.
"""

from __future__ import annotations

from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINES = 50_000
_PLACE = (
    r"(?:\d{1,20}(?:\.\d{1,9})?|\[ *\d{1,12}\.\d{1,9}\] \S{1,255}"
    r"|[0-9]{4}-[0-9-]{5}T\S{8,30} \S{1,255}"
    r"|[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d{1,9})? \S{1,255}"
    r"|[A-Z][a-z]{2} [0-9]{4}-[0-9-]{5} \S{8,20} \S{1,6} \S{1,255}) "
    r"systemd(?:\[1\])?: (?P<said>.*)"
)
"""systemd at the place of the one who speaks: any other place is the words of somebody else."""
_UNIT = (
    r"(?P<unit>[\w:.@\\-]{1,250}\.(?:service|socket|mount|swap|timer|path|automount|target|scope|"
    r"slice|device))"
)
_NAMED = rf"(?:{_UNIT} - )?(?P<said>.{{1,200}}?)\.?"
_FORMS = (
    ("failed", rf"Dependency failed for {_NAMED}"),
    ("failed", rf"Failed to (?:start|mount|activate swap|listen on|set up automount) {_NAMED}"),
    ("well", rf"(?:Started|Finished|Mounted|Listening on|Activated swap) {_NAMED}"),
    ("result", rf"{_UNIT}: Failed with result '(?P<result>[\w-]{{1,40}})'\."),
    ("result", rf"Unit {_UNIT} entered failed state\."),
    ("result", rf"{_UNIT}: Unit entered failed state\."),
    ("exit", rf"{_UNIT}: (?:Main|Control|Mount) process exited, code=(?P<code>\w{{1,20}}),? "
             r"status=(?P<status>\S{1,40})"),
    ("loop", rf"{_UNIT}: Start request repeated too quickly\."),
    ("loop", rf"start request repeated too quickly for {_UNIT}"),
    ("restart", rf"{_UNIT}: Scheduled restart job, restart counter is at (?P<count>\d{{1,9}})\."),
    ("name", rf"See '?\"?systemctl status \"?{_UNIT}\"?'? for details\.?"),
    ("up", r"Reached target .{0,40}(?:[Mm]ulti-[Uu]ser|[Gg]raphical).*"),
    ("down", r"Reached target .{0,60}[Ss]hutdown.*|Stopped target .{0,40}[Mm]ulti-[Uu]ser.*"
             r"|Shutting down\.|System is (?:rebooting|powering down|halting).*"),
)  # fmt: skip
_WORDS = ("Failed", "failed", "Started", "Finished", "Mounted", "Listening", "Activated",
          "exited", "repeated", "Scheduled", "See ", "target", "down", "System is")  # fmt: skip


@record(frozen=True)
class UnitFailure:
    """A unit that failed: its name ("" where nothing tells), its description, and its result.

    `exit` is how its process ended, as `exited 203/EXEC`; `restarts` how often systemd tried again,
    `is_loop` whether it gave that up; `words` are the last ones of its own.  `may_be_well` is
    whether something without a name started later, where its own description is not known.
    """

    unit: str
    said: str = ""
    result: str = ""
    exit: str = ""
    restarts: int = 0
    is_loop: bool = False
    words: tuple[str, ...] = ()
    may_be_well: bool = False

    @property
    def name(self) -> str:
        return self.unit or self.said


@record(frozen=True)
class UnitStory:
    """The units that stayed failed, and those that were well again.

    `is_told` is whether systemd said a word, `is_up` whether it reached its target.
    """

    failed: tuple[UnitFailure, ...] = ()
    healed: tuple[UnitFailure, ...] = ()
    is_told: bool = False
    is_up: bool = False


def parse_failed(text: str) -> tuple[UnitFailure, ...]:
    """Read what `systemctl list-units --failed` prints, or our query of the same."""
    found = []
    for line in text.split("\n")[:_LINES]:
        words = line.lstrip(" \u25cf*").split(None, 4)
        if len(words) >= 4 and words[2] == "failed" and "." in words[0]:
            said = words[4].strip() if len(words) > 4 else ""
            result = "" if words[3] == "failed" else words[3]
            is_loop = result == "start-limit-hit"
            found.append(UnitFailure(words[0], said, result, is_loop=is_loop))
    return tuple(found)


def of_log(text: str) -> UnitStory:
    """Tell of lines of a journal, or of syslog."""
    return _story(_of_systemd(text))


def of_console(text: str) -> UnitStory:
    """Tell of the last boot that a console shows."""
    from ec2rl.facts.boot.lines import KERNEL, PID_1, STATUS, boot_lines

    said: list[str] = []
    for line in boot_lines(text, lambda _: False):
        if line.text.startswith("Linux version "):
            said.clear()
        is_status = line.by == STATUS or line.text.startswith("See ")
        if is_status or (line.by == KERNEL and line.text.startswith(PID_1)):
            said.append(line.text.removeprefix(PID_1))
    return _story(said)


def _of_systemd(text: str) -> Iterator[str]:
    import re

    place = re.compile(_PLACE)
    for line in text.split("\n"):
        met = place.match(line)
        if met is not None:
            yield met["said"].strip()


def _story(lines: Iterable[str]) -> UnitStory:
    telling = _Telling()
    is_told = False
    for number, line in enumerate(lines):
        if number > _LINES or telling.is_down:
            break
        is_told = True
        if any(word in line for word in _WORDS):
            telling.take(line)
    return UnitStory(telling.failed(), tuple(telling.healed), is_told, telling.is_up)


class _Telling:
    """Units as they are told of: each that failed under its name and its description."""

    def __init__(self) -> None:
        import re

        self.healed: list[UnitFailure] = []
        self.is_down = self.is_up = False
        self._failed: dict[int, UnitFailure] = {}
        self._by: dict[str, int] = {}
        self._count = self._nameless = 0
        self._last: int | None = None
        self._exits: dict[str, str] = {}
        self._forms = [(kind, re.compile(form)) for kind, form in _FORMS]

    def failed(self) -> tuple[UnitFailure, ...]:
        return tuple(
            replace(one, may_be_well=True) if not one.said and at < self._nameless else one
            for at, one in self._failed.items()
        )

    def take(self, line: str) -> None:
        for kind, form in self._forms:
            met = form.fullmatch(line)
            if met is not None:
                self._count += 1
                self._hear(kind, {name: one or "" for name, one in met.groupdict().items()})
                return

    def _hear(self, kind: str, values: dict[str, str]) -> None:
        unit, said = values.get("unit", ""), values.get("said", "")
        if kind in ("up", "down"):
            self.is_up, self.is_down = self.is_up or kind == "up", kind == "down"
        elif kind == "name":
            one = self._failed.get(self._last or 0)
            if one is not None and not one.unit:
                self._keep(replace(one, unit=unit), self._last)
        elif kind == "exit":
            self._exits[unit] = f"{values['code']} {values['status']}"
            self._last = None
        elif kind == "well":
            self._started(unit, said)
        else:
            self._fails(kind, unit, said, values)

    def _started(self, unit: str, said: str) -> None:
        self._last = None
        at = self._known(unit, said)
        if at is not None:
            self.healed.append(self._failed.pop(at))
        elif not unit and not said.startswith("Session "):
            self._nameless = self._count

    def _fails(self, kind: str, unit: str, said: str, values: dict[str, str]) -> None:
        at = self._known(unit, said)
        if kind == "restart" and at is None:
            return
        one = UnitFailure(unit, said) if at is None else self._failed[at]
        last = self._failed.get(self._last or 0)
        if at is None and last is not None and bool(unit) is not bool(said):
            # Its name and its description come apart, in lines that follow each other.
            is_other_half = (said and not last.said) or (unit and not last.unit)
            one, at = (last, self._last) if is_other_half else (one, None)
        one = replace(one, unit=one.unit or unit, said=one.said or said)
        if kind == "result":
            one = replace(one, result=values.get("result", "") or one.result)
        elif kind == "restart":
            one = replace(one, restarts=int(values["count"]))
        elif kind == "loop":
            one = replace(one, is_loop=True)
        self._keep(replace(one, exit=self._exits.get(one.unit, one.exit)), at)

    def _keep(self, one: UnitFailure, before: int | None) -> None:
        self._failed.pop(before or 0, None)
        self._failed[self._count] = one
        self._last = self._count
        for name in filter(None, (one.unit, one.said)):
            self._by[name] = self._count

    def _known(self, unit: str, said: str) -> int | None:
        """Where what is known of a unit stands, if that very one has failed."""
        at = self._by.get(unit or said)
        at = self._by.get(said) if at not in self._failed and said else at
        one = self._failed.get(at or 0)
        is_it = one is not None and not (unit and one.unit and one.unit != unit)
        return at if is_it else None
