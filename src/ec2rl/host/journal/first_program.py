"""What systemd as PID 1 said of its units in the last boot that a journal has.

systemd gives a job that ended a MESSAGE_ID (src/core/job.c, job_done_mid(); sd-messages.h, 205 to
257); journald adds `_PID` and `_UID` by what the kernel tells it of the sender, so that no user can
write such an entry.
"""

from __future__ import annotations

from ec2rl.host.journal.kinds import Kind, rows_of
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_STARTED = b"39f53479d3a045ac8e11786248231fbf"
_FAILED = b"be02cf6855d2428ba40df7e9d022f03d"
_KINDS = (
    Kind(b"MESSAGE_ID", _STARTED, b"_PID", b"1", "systemd[1]"),
    Kind(b"MESSAGE_ID", _FAILED, b"_PID", b"1", "systemd[1]"),
    # fsck.c says why it asks for emergency.target; mount(8)'s words say why a mount failed.
    Kind(b"_COMM", b"systemd-fsck", b"_UID", b"0", "systemd-fsck[1]"),
    Kind(b"_COMM", b"mount", b"_UID", b"0", "mount[1]"),
)

_MOST = 4096
"""Entries of each kind, the newest: a boot has some hundreds."""
_SECONDS = 10.0


@record(frozen=True)
class Told:
    """Lines as the kernel would stamp them, and when the last entry of that boot was written.

    `until` is in seconds since the epoch; `gaps` say what of the files was not read.
    """

    text: str
    until: float
    gaps: tuple[str, ...] = ()


def last_boot(files: Sequence[tuple[str, int]]) -> Told | Unreadable:
    """Read what the files hold of it; ABSENT where they hold no word of systemd's."""
    found, gaps = rows_of(files, _KINDS, _MOST, _SECONDS)
    if not found:
        why = Why.FAILED if gaps else Why.ABSENT
        return Unreadable("journal", why, "; ".join(gaps[:3]) or "no entry of systemd's")
    newest, boot = max(row[:2] for row in found)
    rows = sorted({row for row in found if row[1] == boot})
    lines = [f"[{stamp // 1000000:5d}.{stamp % 1000000:06d}] {said}" for _, _, stamp, said in rows]
    return Told("".join(f"{line}\n" for line in lines), newest / 1e6, tuple(gaps))
