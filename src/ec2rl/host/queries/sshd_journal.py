"""What sshd, and systemd of its units, wrote to the journal of late.

journald takes `_COMM`, `_UID` and `_PID` from the kernel, so that no user can write such an entry.
"""

from __future__ import annotations

from ec2rl.host.query import JournalQuery, decode_text, encode_text
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.host.query import Encoded

_PROGRAMS = (b"sshd", b"sshd-session", b"sshd-auth")
_UNITS = (b"ssh.service", b"sshd.service", b"ssh.socket", b"sshd.socket")
_MOST = 300
"""Entries of each kind, the newest; scanners of the internet make some thousands a day."""
_SECONDS = 5.0


@record(frozen=True)
class SshdJournal(JournalQuery[Evidence]):
    """Lines of seconds since the epoch, who spoke, and the words, in the order of their time."""

    @property
    def key(self) -> str:
        return "sshd journal /var/log/journal"

    def search(self, files: Sequence[tuple[str, int]]) -> Evidence | Unreadable:
        from ec2rl.host.journal.kinds import Kind, rows_of

        kinds = [Kind(b"_COMM", name, b"_UID", b"0", "sshd") for name in _PROGRAMS]
        kinds += [Kind(b"UNIT", unit, b"_PID", b"1", "systemd") for unit in _UNITS]
        found, gaps = rows_of(files, kinds, _MOST, _SECONDS, enough=_MOST)
        if not found and gaps:
            return Unreadable("journal", Why.FAILED, "; ".join(gaps[:3]))
        lines = [f"{time // 1000000} {words}" for time, _, _, words in sorted(set(found))]
        return Evidence(self.key, "".join(f"{line}\n" for line in lines))

    def encode(self, answer: Evidence) -> Encoded:
        return encode_text(answer.text)

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Evidence:
        return Evidence(source, decode_text(text, notes))
