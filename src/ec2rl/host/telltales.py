"""Lines that hold what a subject counts, in a text that was read as something else: no silence."""

from __future__ import annotations

import re

from ec2rl import slices
from ec2rl.forms.mend import JOINED, mended
from ec2rl.forms.parse import parse_record
from ec2rl.host import ODD
from ec2rl.model import Evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Read = Callable[[int], bytes]

_KEPT, _SHOWN, _LONGEST = 1000, 200, 64 << 10


class Telltales:
    """Looks for the words of each subject."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def observations(self) -> dict[str, Evidence]:
        """Give the lines that were found, by the look that tells them."""
        return {
            look: Evidence(look, "".join(f"{line}\n" for line in lines))
            for look, lines in self._lines.items()
        }

    def watched(self, name: str, read: Read) -> Read:
        """The same text, looked through as it is read."""
        rest = b""

        def piece(size: int) -> bytes:
            nonlocal rest
            data = read(size)
            whole, _, rest = (rest + data).rpartition(b"\n") if data else (rest, b"", b"")
            self.look(name, whole)
            if len(rest) > _LONGEST:
                self.look(name, rest)
                rest = b""
            return data

        return piece

    def look(self, name: str, text: bytes, key: str = "") -> None:
        """Look through whole lines; those of the look `key` are where they belong."""
        for form in slices.parts("saved_evidence").values():
            for word, (own, measure) in form.TELLTALES.items():
                if word in text and not (key and key.startswith(own)):
                    self._keep(name, text, word, measure, f"{ODD}: {form.KEY}")

    def _keep(self, name: str, text: bytes, word: bytes, measure: str, look: str) -> None:
        found = self._lines.get(look, [])
        at = text.find(word)
        while at >= 0 and len(found) < _KEPT:
            end = text.find(b"\n", at) % (len(text) + 1)
            raw = text[text.rfind(b"\n", 0, at) + 1 : end][:_LONGEST]
            line = mended(raw.decode("utf-8", "backslashreplace"))
            record = parse_record(line)
            # A word within what a program says in a log is its own affair.
            if record is None or re.match(measure, record.message):
                self._lines.setdefault(look, found).append(f"{name}{JOINED}{line[:_SHOWN]}")
            at = text.find(word, end)
