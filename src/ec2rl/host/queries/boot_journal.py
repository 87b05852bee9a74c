"""What systemd wrote to the journal of how the last boot went."""

from __future__ import annotations

from ec2rl.host.query import JournalQuery, decode_text, encode_text
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.host.journal.first_program import Told
    from ec2rl.host.query import Encoded
    from ec2rl.model import Unreadable


@record(frozen=True)
class BootJournal(JournalQuery["Told"]):
    """The words of PID 1 in the last boot that the journal has."""

    @property
    def key(self) -> str:
        return "boot journal /var/log/journal"

    def search(self, files: Sequence[tuple[str, int]]) -> Told | Unreadable:
        from ec2rl.host.journal.first_program import last_boot

        return last_boot(files)

    def encode(self, answer: Told) -> Encoded:
        text, notes = encode_text(answer.text)
        gaps = {"gap": "; ".join(answer.gaps)} if answer.gaps else {}
        return text, {"until": repr(answer.until), **gaps, **notes}

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Told:
        from ec2rl.host.journal.first_program import Told

        gaps = (notes["gap"],) if "gap" in notes else ()
        return Told(decode_text(text, notes), float(notes.get("until", 0)), gaps)
