"""What systemd as PID 1 wrote to the journal of units that failed, in the last boot it has.

MESSAGE_IDs of src/systemd/sd-messages.h (205 to 257; that of a unit's result since 240).  journald
takes `_PID` from the kernel, so that no user can write such an entry.
"""

from __future__ import annotations

from ec2rl.host.query import JournalQuery, TextQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.host.journal.kinds import Row

_IDS = (
    b"39f53479d3a045ac8e11786248231fbf",  # started
    b"be02cf6855d2428ba40df7e9d022f03d",  # its job failed
    b"d9b373ed55a64feb8242e02dbe79a49c",  # failed with a result
    b"5eb03494b6584870a536b337290809b3",  # a restart is scheduled
    b"98e322203f7a4ed290d09fe03c09fe15",  # a process of it exited
)
_MOST = 2048
_SECONDS = 5.0


@record(frozen=True)
class UnitsJournal(TextQuery, JournalQuery[Evidence]):
    """A line `boot ID`; then seconds since the epoch, `systemd[1]: ` and the words, in order."""

    @property
    def key(self) -> str:
        return "units journal /var/log/journal"

    def search(self, files: Sequence[tuple[str, int]]) -> Evidence | Unreadable:
        rows = rows_of_systemd(files, _IDS)
        if isinstance(rows, Unreadable):
            return rows
        lines = (f"{row[0] // 1000000} {row[3]}\n" for row in rows)
        return Evidence(self.key, f"boot {rows[0][1].hex()}\n{''.join(lines)}")


@record(frozen=True)
class UnitWords(TextQuery, JournalQuery[Evidence]):
    """The last words of a unit's own processes in a boot (its id, without dashes)."""

    unit: str
    boot: str

    @property
    def key(self) -> str:
        return f"unit words {self.unit} {self.boot} /var/log/journal"

    def search(self, files: Sequence[tuple[str, int]]) -> Evidence | Unreadable:
        from ec2rl.host.journal.kinds import Kind, rows_of

        kind = Kind(b"_SYSTEMD_UNIT", self.unit.encode(), b"_BOOT_ID", self.boot.encode(), "")
        found, _ = rows_of(files, [kind], 3, 1.0, enough=1)
        lines = [words.removeprefix(": ") for _, _, _, words in sorted(set(found))]
        return Evidence(self.key, "".join(f"{line}\n" for line in lines if line))


def rows_of_systemd(
    files: Sequence[tuple[str, int]], ids: Sequence[bytes]
) -> list[Row] | Unreadable:
    """Read what PID 1 wrote with these MESSAGE_IDs in the last boot; ABSENT where it did not."""
    from ec2rl.host.journal.kinds import Kind, rows_of

    kinds = [Kind(b"MESSAGE_ID", one, b"_PID", b"1", "systemd[1]") for one in ids]
    found, gaps = rows_of(files, kinds, _MOST, _SECONDS)
    if not found:
        why = Why.FAILED if gaps else Why.ABSENT
        return Unreadable("journal", why, "; ".join(gaps[:3]) or "no entry of systemd's")
    _, boot = max(row[:2] for row in found)
    return sorted({row for row in found if row[1] == boot})
