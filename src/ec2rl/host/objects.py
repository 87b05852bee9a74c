"""JSON in which programs print logs, as lines of the forms that the table has."""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

    Read = Callable[[int], bytes]

_MOST = 64 << 20
"""Bytes of a document that has to be read whole."""
_LONGEST = 1 << 20
_TIMES = ("time", "timestamp")


@record(frozen=True)
class Lines:
    """The lines of a document, and what of it could not be read ("" for all)."""

    read: Read
    gap: Callable[[], str]


def lines_of(kind: str, read: Read) -> Lines:
    """Tell what `kind` of JSON holds: `dmesg json`, `docker json` or `events json`."""
    told = _Told()
    source = _docker(read, told) if kind == "docker json" else _whole(kind, read, told)
    data = b""

    def piece(size: int) -> bytes:
        nonlocal data
        while len(data) < size and (line := next(source, None)) is not None:
            data += line.encode("utf-8", "backslashreplace") + b"\n"
        taken, data = data[:size], data[size:]
        return taken

    return Lines(piece, lambda: told.gap)


class _Told:
    gap = ""


def _whole(kind: str, read: Read, told: _Told) -> Iterator[str]:
    data = b""
    while piece := read(256 << 10):
        data += piece
        if len(data) > _MOST:
            told.gap = f"more than {_MOST >> 20} MiB of JSON: only its beginning was looked at"
            break
    found = _tolerant(data.decode("utf-8", "backslashreplace"), told)
    for one in found:
        yield from (_ring if kind == "dmesg json" else _event)(one, told)


def _tolerant(text: str, told: _Told) -> Iterator[dict[str, object]]:
    """The records in a document's lists; of a damaged one those that are whole."""
    from json import JSONDecoder

    decoder = JSONDecoder()
    at = end = text.find("[") + 1
    while (at := text.find("{", at)) >= 0 and at:
        if text[end:at].strip(", \t\r\n"):
            told.gap = told.gap or "its JSON is cut or damaged"
        try:
            one, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            told.gap = told.gap or "its JSON is cut or damaged"
            at = end = at + 1
            continue
        end = at
        if isinstance(one, dict):
            yield one
    if not text.rstrip().endswith(("}", "]")):
        told.gap = told.gap or "its JSON is cut or damaged"


def _ring(one: dict[str, object], told: _Told) -> Iterator[str]:
    """A record of `dmesg -J`: `pri` is a number, or with -x a name beside `fac`."""
    said, when = one.get("msg"), one.get("time")
    facility, priority = one.get("fac"), one.get("pri")
    if not isinstance(said, str) or not isinstance(when, (int, float, str)):
        told.gap = told.gap or "a record of its JSON has no message or time"
        return
    head = f"<{priority}>" if isinstance(priority, int) else ""
    if isinstance(facility, str) and isinstance(priority, str):
        head = f"{facility:6}:{priority:6}: "
    stamp = f"[{when:12.6f}]" if isinstance(when, (int, float)) else when
    if not stamp.startswith("[") and not stamp[:4].isdigit():
        stamp = f"[{stamp}]"
    for line in said.rstrip("\n").split("\n"):  # as syslog(2) gives the lines of a record
        yield f"{head}{stamp} {line}"


def _event(one: dict[str, object], told: _Told) -> Iterator[str]:
    """An event of CloudWatch Logs; `timestamp` is in milliseconds since the epoch."""
    from datetime import datetime, timezone

    said, when = one.get("message"), one.get("timestamp")
    if not isinstance(said, str):
        told.gap = told.gap or "a record of its JSON has no message"
        return
    at = ""
    if isinstance(when, (int, float)):
        try:
            at = datetime.fromtimestamp(when / 1000, timezone.utc).strftime(
                "%Y-%m-%dT%H:%M:%S.%fZ "
            )
        except (ValueError, OverflowError, OSError):
            pass
    for line in said.rstrip("\n").split("\n"):
        yield f"{at}{line}"


def _docker(read: Read, told: _Told) -> Iterator[str]:
    """Docker's json-file, in the words of the CRI; what is longer than 16 KiB has several parts."""
    import json

    left = b""
    said = ""
    while True:
        piece = read(256 << 10)
        *lines, left = (left + piece).split(b"\n") if piece else [left, b""]
        for line in filter(bytes.strip, lines):
            try:
                one = json.loads(line)
                said += str(one["log"])[:_LONGEST]
                when = next((one[key] for key in _TIMES if isinstance(one.get(key), str)), "")
                # Docker's lines end as the program ended them; who passes them on takes that off.
                said += "" if "stream" in one or said.endswith("\n") else "\n"
                head = f"{when} {one.get('stream', 'stdout')} F " if when else ""
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                told.gap = told.gap or "a line of its JSON is cut or damaged"
                head, said = "", line.decode("utf-8", "backslashreplace") + "\n"
            if said.endswith("\n") or len(said) > _LONGEST:
                for part in said.rstrip("\n").split("\n"):
                    yield f"{head}{part}"
                said = ""
        if not piece:
            if said:
                yield f"{head}{said}"
            return
        if len(left) > _LONGEST:
            told.gap = told.gap or "a line of its JSON is too long"
            left = b""
