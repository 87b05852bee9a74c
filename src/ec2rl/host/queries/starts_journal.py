"""When units began to start, and had started or failed, in the last boot that the journal has.

MESSAGE_IDs of src/systemd/sd-messages.h (205 to 257); journald takes `_PID` from the kernel.
"""

from __future__ import annotations

from ec2rl.host.query import JournalQuery, decode_text, encode_text
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.host.query import Encoded

_IDS = (
    b"7d4958e842da4a758f6c1cdc7b36dcc5",  # starting
    b"39f53479d3a045ac8e11786248231fbf",  # started
    b"be02cf6855d2428ba40df7e9d022f03d",  # its job failed
    b"b07a249cd024414a82dd00cd181378ff",  # startup finished
)
_MOST, _SECONDS = 2048, 5.0


@record(frozen=True)
class StartsJournal(JournalQuery[Evidence]):
    """Lines of microseconds since the kernel began, and systemd's words, in their order."""

    @property
    def key(self) -> str:
        return "starts journal /var/log/journal"

    def search(self, files: Sequence[tuple[str, int]]) -> Evidence | Unreadable:
        from ec2rl.host.journal.kinds import Kind, rows_of

        kinds = [Kind(b"MESSAGE_ID", one, b"_PID", b"1", "") for one in _IDS]
        found, gaps = rows_of(files, kinds, _MOST, _SECONDS)
        if not found:
            why = Why.FAILED if gaps else Why.ABSENT
            return Unreadable("journal", why, "; ".join(gaps[:3]) or "no entry of systemd's")
        _, boot = max(row[:2] for row in found)
        rows = sorted({row[2:] for row in found if row[1] == boot})
        lines = (f"{stamp} {words.removeprefix(': ')}\n" for stamp, words in rows)
        return Evidence(self.key, "".join(lines))

    def encode(self, answer: Evidence) -> Encoded:
        return encode_text(answer.text)

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Evidence:
        return Evidence(source, decode_text(text, notes))
