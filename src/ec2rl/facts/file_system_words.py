"""What the kernel says of a file system that it found damaged, or gave up.

A mount that recovers a journal, deletes orphans or was not unmounted (`Starting recovery`, `orphan
cleanup`, `Volume was not properly unmounted`) is none of these: that is every start after a crash.
"""

from __future__ import annotations

from ec2rl.facts.log import fits
from ec2rl.model import Statement, say
from ec2rl.record import Choice, record


class What(Choice):
    """What became of a file system."""

    ERROR = "has errors"
    READ_ONLY = "was made read-only"
    SHUT_DOWN = "was shut down"
    ABORTED = "has no journal any more (aborted)"
    NOT_MOUNTED = "could not be mounted"
    WITH_ERRORS = "was mounted with errors that no fsck has cleared"
    COUNTED = "has counted errors since its last fsck"
    NOTHING = "another message of the same beginning"


@record(frozen=True)
class FileSystemError:
    """An event of one file system: its device ("" where the kernel names none), and `why`."""

    kind: str
    device: str
    what: What
    why: str = ""

    @property
    def same(self) -> object:
        return self.kind, self.device, self.what

    def message(self) -> Statement:
        """Say which file system it is, what became of it, and why."""
        words = "{kind} on {device} {what}" if self.device else "{kind} {what}"
        words += ": {why}" if self.why else ""
        what = self.what.value
        return say(words, kind=self.kind, device=self.device, what=what, why=self.why)


_DEV = r"(?P<dev>[^\s()]{1,64})"
_BTRFS = r"\(device (?P<dev>[^\s():]{1,64}):?(?: state \w{1,16})?\)"
_ROWS: tuple[tuple[str, What, str], ...] = (
    # ext4_std_error() names the function behind `in`; before 2.6.36 no line and no comm.
    ("", What.ERROR, rf"(?P<kind>EXT[234])-fs error \(device {_DEV}\)(?: in|:) ?(?P<why>.*)"),
    ("", What.READ_ONLY, rf"(?:(?P<kind>EXT[34])-fs \({_DEV}\): )?[Rr]emounting filesystem "
     r"read-only"),
    ("", What.WITH_ERRORS, rf"(?P<kind>EXT[234])-fs (?:\({_DEV}\): )?warning: mounting fs with "
     r"errors, .*"),
    ("", What.COUNTED, rf"(?P<kind>EXT4)-fs \({_DEV}\): error count since last fsck: (?P<why>\d+)"),
    # jbd2 names the device with the journal's inode behind it, from 2.6.32 on.
    ("ext4", What.ABORTED, r"Aborting journal on device (?P<dev>dm-\d{1,6}|[^\s:-]{1,64})"
     r"(?:[:-]\d{1,10})?\."),
    ("XFS", What.SHUT_DOWN, rf"XFS \({_DEV}\): (?P<why>.*?)\.?\s*Shutting down filesystem\.?"),
    ("XFS", What.ERROR, rf"XFS \({_DEV}\): Unmount and run xfs_repair\.?"),
    ("XFS", What.NOT_MOUNTED, rf"XFS \({_DEV}\): (?P<why>log mount/recovery failed: .*|[Ff]ailed to"
     r" read root inode.*)"),
    ("btrfs", What.ERROR, rf"BTRFS: error {_BTRFS} in (?P<why>.*)"),
    ("btrfs", What.ERROR, rf"BTRFS critical {_BTRFS}: (?P<why>.*)"),
    ("btrfs", What.ERROR, rf"BTRFS error {_BTRFS}: (?P<why>parent transid verify failed .*|bdev \S+"
     r" errs: .*|bad tree block .*|.* tree block corruption detected|.*checksum verify failed.*)"),
    ("btrfs", What.NOTHING, rf"BTRFS error {_BTRFS}: .*"),
    ("btrfs", What.READ_ONLY, rf"BTRFS info {_BTRFS}: forced readonly"),
    ("FAT", What.READ_ONLY, rf"(?:ex)?FAT-fs \({_DEV}\): Filesystem has been set read-only"),
)  # fmt: skip


def parse(message: str) -> FileSystemError | None:
    """Parse a message; None for one that is of no file system's errors."""

    for kind, what, pattern in _ROWS:
        found = fits(rf"\s*(?:{pattern})\s*", message)
        if found is not None:
            said = found.groupdict()
            named = (said.get("kind") or kind or "ext4").replace("EXT", "ext")
            return FileSystemError(
                named, said.get("dev") or "", what, (said.get("why") or "").strip()
            )
    return None
