"""What cloud-init notes of its own run, and what it prints.

cloudinit/cmd/main.py, status_wrapper(): status.json and result.json in /var/lib/cloud/data, with
links to them in /run/cloud-init for the boot that runs (0.7.7 to 25.3; `recoverable_errors` since
23.4).  The stages are those of its own code.
"""

from __future__ import annotations

from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RUN, DATA = "/run/cloud-init", "/var/lib/cloud/data"
LAST, ENDED = "modules-final", "result"
"""The last stage, and what result.json stands for: it is written at the end."""
STAGES = ("init-local", "init", "modules-config", LAST, "modules-init")
_LONGEST, _MOST, _EACH = 1 << 20, 64, 1000
_WORST = ("CRITICAL", "ERROR", "WARNING")
_NOTES = ("eprecated", "169.254.169.254", "IMDS", "/latest/meta-data", "instance-data")
"""What a warning tells of retries and of old keys, and harms nothing."""
NO_SOURCE = "DataSourceNone"
FULL = ("No space left on device", "Errno 28")


@record(frozen=True)
class Stage:
    """A stage of a run; `errors` ended a part of it, `lesser` did not.

    `start` and `finished` are in seconds since the epoch, None where it did not come to that.
    """

    name: str
    start: float | None
    finished: float | None
    errors: tuple[str, ...] = ()
    lesser: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@record(frozen=True)
class Run:
    """A run of cloud-init: its datasource ("" for none found), and the stage that it is in."""

    datasource: str
    stage: str
    stages: tuple[Stage, ...]

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """Give each error once, with the stage that it is of."""
        return tuple(dict.fromkeys((one.name, said) for one in self.stages for said in one.errors))

    @property
    def lesser(self) -> tuple[tuple[str, str], ...]:
        return tuple(dict.fromkeys((one.name, said) for one in self.stages for said in one.lesser))

    @property
    def has_no_source(self) -> bool:
        return self.datasource.startswith(NO_SOURCE)

    @property
    def is_ended(self) -> bool:
        return any(one.name == ENDED or (one.name == LAST and one.finished is not None)
                   for one in self.stages)  # fmt: skip

    @property
    def began(self) -> float | None:
        return min((one.start for one in self.stages if one.start is not None), default=None)


def parse_status(path: str, text: str) -> Run | Unreadable:
    """Read status.json."""
    found = _first_version(path, text)
    if isinstance(found, Unreadable):
        return found
    others = [name for name, values in found.items() if isinstance(values, dict)
              and name not in STAGES and values.get("errors")][:_MOST]  # fmt: skip
    told = {name: found[name] for name in (*STAGES, *others) if found.get(name) is not None}
    if not told:
        return Unreadable(path, Why.FAILED, "it names no stage")
    stages = tuple(_stage(_text(name), values) for name, values in told.items()
                   if isinstance(values, dict))  # fmt: skip
    run = Run(_text(found.get("datasource")), _text(found.get("stage")), stages)
    return run if run.errors or all(map(_is_known, told.values())) else _odd(path)


def parse_result(path: str, text: str) -> Run | Unreadable:
    """Read result.json, which is written at the end of a run, and names no stages."""
    found = _first_version(path, text)
    if isinstance(found, Unreadable):
        return found
    stage = Stage(ENDED, None, None, tuple(_texts(found.get("errors"))))
    if not stage.errors and not _is_known(found):
        return _odd(path)
    return Run(_text(found.get("datasource")), "", (stage,))


def _first_version(path: str, text: str) -> dict[str, object] | Unreadable:
    if len(text) > _LONGEST:
        return Unreadable(path, Why.PARTIAL, "larger than 1 MiB")
    try:
        import json
    except ImportError:
        return Unreadable(path, Why.FAILED, "this Python has no module json")
    try:
        found = json.loads(text, parse_int=_number, parse_float=_number)
    except (ValueError, RecursionError):
        return Unreadable(path, Why.FAILED, "it is no JSON")
    first = found.get("v1") if isinstance(found, dict) else None
    if not isinstance(first, dict):
        return _odd(path)
    return first


def _odd(path: str) -> Unreadable:
    return Unreadable(path, Why.FAILED, "not in a known form")


def _is_known(values: object) -> bool:
    """Whether what a stage tells of errors has the types that cloud-init writes."""
    if not isinstance(values, dict):
        return False
    kinds = values.get("recoverable_errors") or {}
    return isinstance(kinds, dict) and all(
        said is None or (isinstance(said, list) and all(isinstance(one, str) for one in said))
        for said in (values.get("errors"), *kinds.values())
    )


def _number(digits: str) -> float:
    """A number; digits without end take Python minutes."""
    return float(digits) if len(digits) < 40 else 0.0


def _stage(name: str, values: dict[str, object]) -> Stage:
    errors = [*_texts(values.get("errors"))]
    lesser: list[str] = []
    notes: list[str] = []
    kinds = values.get("recoverable_errors")
    for kind, said in kinds.items() if isinstance(kinds, dict) else ():
        for one in _texts(said):
            is_note = kind == "WARNING" and any(word in one for word in _NOTES)
            is_bad = kind in _WORST and not is_note
            (lesser if is_bad and one not in errors else notes).append(one)
    return Stage(name, _time(values.get("start")), _time(values.get("finished")), tuple(errors),
                 tuple(lesser), tuple(notes))  # fmt: skip


def _texts(value: object) -> Iterator[str]:
    for one in value[:_MOST] if isinstance(value, list) else ():
        if isinstance(one, str):
            yield " ".join(one[:_EACH].split())


def _text(value: object) -> str:
    return " ".join(value[:_EACH].split()) if isinstance(value, str) else ""


def _time(value: object) -> float | None:
    is_time = isinstance(value, (int, float)) and 0 < value < 1e11
    return float(value) if is_time else None  # type: ignore[arg-type]


@record(frozen=True)
class Printed:
    """What a console or a log shows of it: its datasource, faults, and whether it finished.

    `datasource` is "" where no line tells.
    """

    datasource: str
    faults: tuple[str, ...]
    is_finished: bool


_LEVELS = ("[WARNING]: ", "[ERROR]: ", "[CRITICAL]: ")
_FAULTS = (
    "no authorized SSH keys fingerprints found for user ",
    "IMDS's HTTP endpoint is probably disabled",
    "No instance datasource found",
)


def parse_printed(text: str) -> Printed | None:
    """Read the last run that a text shows; None for one without a word of cloud-init's."""
    source, is_finished, is_told = "", False, False
    found: list[str] = []
    for line in text.split("\n"):
        if "loud-init" not in line and "ci-info: " not in line and "IMDS" not in line:
            continue
        is_told = True
        line = line.strip()[:_EACH]
        if "running 'init-local' at" in line:
            source, found, is_finished = "", [], False
        _, is_end, rest = line.partition(" finished at ")
        if is_end and "Cloud-init v. " in line:
            is_finished = True
            source = rest.partition(". Datasource ")[2].split(" ")[0].split(".")[0][:60]
            continue
        what = _fault(line)
        if what and len(found) < _MOST:
            found.append(what)
    return Printed(source, tuple(dict.fromkeys(found)), is_finished) if is_told else None


def _fault(line: str) -> str:
    """The fault that a line tells of, from the module's name on; "" for none."""
    for words in _FAULTS:
        at = line.find(words)
        if at >= 0:
            return line[at:]
    for level in _LEVELS:
        at = line.find(level)
        is_note = level == "[WARNING]: " and any(one in line for one in _NOTES)
        if at > 0 and "loud-init" in line[:at] and not is_note:
            return line[:at].rpartition(" ")[2] + line[at:]
    return ""
