"""When units began to start, and had started or failed, in the last boot that the journal has.

MESSAGE_IDs of src/systemd/sd-messages.h (205 to 257).
"""

from __future__ import annotations

from ec2rl.host.queries.units_journal import rows_of_systemd
from ec2rl.host.query import JournalQuery, TextQuery
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_IDS = (
    b"7d4958e842da4a758f6c1cdc7b36dcc5",  # starting
    b"39f53479d3a045ac8e11786248231fbf",  # started
    b"be02cf6855d2428ba40df7e9d022f03d",  # its job failed
    b"b07a249cd024414a82dd00cd181378ff",  # startup finished
)


@record(frozen=True)
class StartsJournal(TextQuery, JournalQuery[Evidence]):
    """Lines of microseconds since the kernel began, and systemd's words, in their order."""

    @property
    def key(self) -> str:
        return "starts journal /var/log/journal"

    def search(self, files: Sequence[tuple[str, int]]) -> Evidence | Unreadable:
        rows = rows_of_systemd(files, _IDS)
        if isinstance(rows, Unreadable):
            return rows
        lines = (f"{row[2]} {row[3].removeprefix('systemd[1]: ')}\n" for row in rows)
        return Evidence(self.key, "".join(lines))
