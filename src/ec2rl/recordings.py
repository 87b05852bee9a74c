"""A file of what was looked at: `--record` writes it, `--replay` looks at it instead."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ec2rl.arguments import UsageError
from ec2rl.caller import Rights
from ec2rl.host.holes import SHORTEST
from ec2rl.host.recording import CaseError, RecordedHost, sections
from ec2rl.model import Evidence, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.caching import Observation

_MOST = 64 << 20
"""Bytes."""


@record(frozen=True)
class Recording:
    """A recorded machine; `cut` says why what is missing may have been there, "" for nothing.

    `how` are the words about how was looked, `expected` the verdicts that were given.
    """

    host: RecordedHost
    cut: str
    how: Mapping[str, str]
    expected: str


def open_record(path: str, environment: dict[str, str]) -> int:
    """Make the new file of a recording with the caller's rights. UsageError where it cannot be."""
    rights = Rights(environment)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with rights:
            return os.open(path, flags, 0o600)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UsageError(f"--record={path}: {why}{rights.note}") from None


def write_record(
    fd: int,
    memory: Mapping[str, Observation],
    how: Mapping[str, str],
    expected: Sequence[str] = (),
    masked: bool = False,
    files: Sequence[str] = (),
) -> str:
    """Write all looks, and close the file; why it could not be done, "" when all is there.

    `how` are words about how was looked, `files` the names of evidence that was read.
    """
    from ec2rl.host.recording import case, inert
    from ec2rl.report.escape import one_line

    text = case(memory, expected, " ".join(f"{name}={value}" for name, value in how.items()))
    if masked:
        from ec2rl.host.mask import mask

        text = mask(text, [os.uname().nodename], [*files, *map(one_line, files)])
    text = inert(text)
    try:
        with open(fd, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
    except OSError as error:
        return f"the recording is not complete: {os.strerror(error.errno or 0)}"
    return ""


def open_recording(path: str) -> Recording:
    """Read a recording. UsageError for a file that is none, or cannot be read."""
    text, changed = read_text(path)
    try:
        return parse_recording(path, text, changed)
    except (CaseError, KeyError, ValueError) as error:
        raise UsageError(f"--replay={path}: not a recording: {error}") from None


def parse_recording(path: str, text: str, changed: str) -> Recording:
    """Parse a recording, whose text is `changed` if it is not all that was written.

    CaseError, KeyError, ValueError for a text that is none.
    """
    _, looks = sections(text)
    if _has_hole(looks):
        changed = changed or "a part of the recording is NULs"
    if "expect" not in looks or not text.endswith("\n"):
        changed = changed or "the recording is cut"
        _leave_out_the_torn(looks)
    how = dict(word.partition("=")[::2] for word in looks.pop("options", "").split())
    host = RecordedHost(looks, f"the recording {path}", "", Why.NOT_COLLECTED, changed)
    host.clock()
    said = host.read("cut")
    cut = " ".join(said.text.splitlines()) if isinstance(said, Evidence) else ""
    return Recording(host, changed or cut, how, looks.get("expect", ""))


def _has_hole(looks: Mapping[str, str]) -> bool:
    """Whether NULs stand where text was; a command line may have a page of them (proc(5))."""
    return any(
        "\0" * (4097 if key.endswith("/cmdline") else SHORTEST) in body
        for key, body in looks.items()
    )


def read_text(path: str) -> tuple[str, str]:
    """Read the text of a recording, and whether it changed meanwhile."""
    from ec2rl.host.saved import NotReadError, Saved, open_file

    try:
        fd = open_file(path)
        with open(fd, encoding="utf-8", errors="backslashreplace", newline="") as file:
            saved = Saved(path, file.fileno())
            text = file.read(_MOST + 1)
            watched = saved.watched
            changed = watched is not None and (watched.changed() or watched.grown())
    except NotReadError as error:
        raise UsageError(f"--replay={path}: {error}") from None
    except OSError as error:
        raise UsageError(f"--replay={path}: {os.strerror(error.errno or 0)}") from None
    if len(text) > _MOST:
        raise UsageError(f"--replay={path}: larger than {_MOST >> 20} MiB")
    return text, "the recording changed while it was read" if changed else ""


def _leave_out_the_torn(looks: dict[str, str]) -> None:
    """Leave out the last line of a recording that is cut: what is left of it may say anything."""
    if looks:
        key, body = looks.popitem()
        whole, newline, _ = body.rpartition("\n")
        looks[key] = whole + newline or "!partial the recording is cut"
