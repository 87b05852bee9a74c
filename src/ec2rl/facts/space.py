"""How full file systems are, as statvfs(3) tells it, and what deleted files take of them.

f_bavail is what users may have: ext4 keeps a part for root (fs/ext4/super.c, ext4_statfs()), btrfs
says 0 where its metadata has no room (fs/btrfs/super.c, btrfs_statfs()).
"""

from __future__ import annotations

from ec2rl.facts.proc import parse_number
from ec2rl.host import Host
from ec2rl.model import Evidence
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


ROOM, INODES = "room", "inodes"


@record(frozen=True)
class FileSystem:
    """A file system: bytes of it, free and available to users ones, and the same of inodes.

    `fault` says why it gave no numbers, "" where it did; `unknown` which of them nobody asked for.
    """

    folder: str
    device: str
    kind: str
    size: int = 0
    free: int = 0
    available: int = 0
    inodes: int = 0
    inodes_free: int = 0
    is_read_only: bool = False
    fault: str = ""
    unknown: str = ""

    @property
    def used(self) -> float:
        """The share of the room that is used, of that which users may have, as df(1) has it."""
        used = self.size - self.free
        return used / (used + self.available) if used + self.available else 0.0

    @property
    def inodes_used(self) -> float:
        """The share of inodes that are used; 0 for a file system that makes them as needed."""
        return 1 - self.inodes_free / self.inodes if self.inodes else 0.0

    @property
    def lacks_room(self) -> bool:
        return not self.available and bool(self.size)

    @property
    def lacks_inodes(self) -> bool:
        """Whether there are no inodes left; where there is no room either, that is why."""
        return bool(self.inodes) and not self.inodes_free and not self.lacks_room


@record(frozen=True)
class Deleted:
    """A file that was deleted and is open: its bytes, and who has it."""

    size: int
    number: str
    pid: int
    task: str
    unit: str
    path: str


def parse_space(text: str) -> tuple[FileSystem, ...]:
    """Read the answer of `Space`; what has numbers of another form has that as its fault."""
    return tuple(_of_lines(text))


def _of_lines(text: str) -> Iterator[FileSystem]:
    for line in text.split("\n"):
        folder, device, kind, *told = [*line.split("\t"), "", ""]
        told = told[:8]
        numbers = [parse_number(one) for one in told]
        known = [one for one in numbers if one is not None]
        if folder and len(known) == 8:
            block, blocks, free, available, inodes, _, inodes_free, read_only = known
            size, free, available = (block * one for one in (blocks, free, available))
            yield FileSystem(
                folder, device, kind, size, free, available, inodes, inodes_free, bool(read_only)
            )
        elif folder and kind:
            is_reason = told[0].startswith("!")
            fault = told[0][1:] if is_reason else "not in a known form"
            yield FileSystem(folder, device, kind, fault=fault)


def parse_deleted(text: str) -> tuple[Deleted, ...]:
    """Read the answer of `DeletedFiles`; lines of another form are left out."""
    found = []
    for line in text.split("\n"):
        words = line.split("\t")
        size, pid = (parse_number(words[n]) if len(words) == 6 else None for n in (0, 2))
        if size is not None and pid is not None:
            found.append(Deleted(size, words[1], pid, words[3], words[4], words[5]))
    return tuple(found)


def below_loop(host: Host, name: str, spaces: Sequence[FileSystem]) -> FileSystem | None:
    """Find the file system that the file behind a loop device lies on, None where nothing tells.

    Documentation/ABI/testing/sysfs-block-loop tells the path of that file, as it was opened.
    """
    found = host.read(f"/sys/block/{name}/loop/backing_file")
    path = found.text.strip() if isinstance(found, Evidence) else ""
    above = [one for one in spaces if f"{path}/".startswith(f"{one.folder.rstrip('/')}/")]
    return max(above, key=lambda one: len(one.folder), default=None) if path else None
