"""The text that a boot left where it was printed: a console, or what dmesg has of one.

No running machine keeps what its console showed; it comes from whoever fetched it.
"""

from __future__ import annotations

from ec2rl.host.query import Query, decode_text, encode_text
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Callable

    from ec2rl.host.query import Encoded

    Read = Callable[[int], bytes]

MOST = 1 << 20
"""Bytes of a text's end that are kept; EC2 gives 64 KiB, Google Compute Engine 1 MiB."""


@record(frozen=True)
class Printed:
    """The end of a text, without what terminals add; `kind` is what it was recognised as.

    `lost` is how many bytes before it were left out.
    """

    text: str
    kind: str
    path: str
    lost: int = 0


@record(frozen=True)
class BootText(Query[Printed]):
    """What the last boots printed."""

    @property
    def key(self) -> str:
        return "boot text /dev/console"

    def ask(self) -> Printed | Unreadable:
        return Unreadable(self.key, Why.NOT_COLLECTED)

    def encode(self, answer: Printed) -> Encoded:
        text, notes = encode_text(answer.text)
        lost = {"lost": str(answer.lost)} if answer.lost else {}
        return text, {"kind": answer.kind, "path": answer.path, **lost, **notes}

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Printed:
        return Printed(
            decode_text(text, notes),
            notes.get("kind", "console"),
            notes.get("path", source),
            int(notes.get("lost", 0)),
        )


class Kept:
    """The end of a text, kept while it is read."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._pieces: list[bytes] = []
        self._size = self._all = 0

    def read(self, size: int) -> bytes:
        """Read as the text itself is read."""
        data = self._read(size)
        self._pieces.append(data)
        self._size += len(data)
        self._all += len(data)
        while self._size - len(self._pieces[0]) >= MOST:
            self._size -= len(self._pieces.pop(0))
        return data

    def printed(self, kind: str, path: str) -> Printed:
        """Give the last whole lines of it."""
        data = b"".join(self._pieces)
        if len(data) > MOST:
            data = data[-MOST:].partition(b"\n")[2]
        text = data.decode("utf-8", "backslashreplace")
        return Printed(text, kind, path, self._all - len(data))
