"""Parsers of untrusted input run in an unprivileged child, within bounds."""

from __future__ import annotations

from ec2rl import slices
from ec2rl.model import Unreadable, Why
from ec2rl.process import Limits, LostError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_MEMORY = 512 << 20
"""Bytes; a tenth of it is used."""

_ANSWER = 48 << 20

_NEEDED = (
    *("bz2", "compression.zstd", "ctypes", "json", "lzma", "mmap", "random", "re", "select"),
    *("base64", "datetime", "fcntl", "signal", "subprocess", "threading", "zlib"),
    *(
        f"ec2rl.host.{name}"
        for name in ("readahead", "aligned", "split_scan", "journal.search", "journal.program")
    ),
    *(f"ec2rl.host.{name}" for name in ("recording", "saved_journal", "scan", "search", "unpack")),
)
"""Modules that a reader may import, whose files nobody may not be able to open."""


def read_in_sandbox(
    source: str, work: Callable[[], str], seconds: float, written: int = 0
) -> str | Unreadable:
    """Give the text that `work` returns in a child which may not open what only root may open.

    The child writes no file larger than `written` bytes (none at all by default), lives for
    `seconds` at most, and nothing that it starts outlives it.  FAILED where it gives no text.
    """
    bounds = limits(seconds, written)
    try:
        said = run(lambda: work().encode("utf-8", "backslashreplace"), bounds, _ANSWER)
    except LostError as lost:
        return Unreadable(source, Why.FAILED, f"its reader {lost}")
    except OSError as error:
        return Unreadable(source, Why.FAILED, f"no process to read it: {error.strerror}")
    return said.decode("utf-8", "backslashreplace")


def limits(seconds: float, written: int = 0) -> Limits:
    """Give the bounds of a child that reads what somebody saved."""
    forms = slices.parts("saved_evidence").values()
    needs = (*_NEEDED, *(name for form in forms for name in form.NEEDS))
    return Limits(seconds, _MEMORY, written, unprivileged=True, needs=needs)
