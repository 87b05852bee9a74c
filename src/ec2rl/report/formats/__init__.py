"""The forms that an answer can be written in: each is one file here, found by its name."""

from __future__ import annotations

from ec2rl import shipped
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ec2rl.model import Json

WORDS = "text"


@record(frozen=True)
class Format:
    """How an answer is written.

    `write` makes one text of all its data, once it is whole; None: words, shown as they come.
    """

    write: Callable[[Json], str] | None


def names() -> tuple[str, ...]:
    """Give the names of all formats, words first; none of them is loaded for it."""
    files = shipped.names("report/formats")
    return (WORDS, *sorted(n[:-3] for n in files if n.endswith(".py") and n[0] != "_"))


def load(name: str) -> Format:
    """Give one format, by a name that `names` has; for words each command has its own."""
    if name == WORDS:
        return Format(None)
    format_: Format = __import__(f"{__name__}.{name}", fromlist=["FORMAT"]).FORMAT
    return format_
