"""How much room the file systems of disks have, asked by statvfs(3) in a process of its own.

A file system that does not answer keeps who asks it; then each is asked by itself, and the one that
hangs is told as such.  Those of networks and of programs (FUSE) are not asked at all.
"""

from __future__ import annotations

import os

from ec2rl.host.files import unreadable
from ec2rl.host.mount_of import mount_of, mount_rows, plain
from ec2rl.host.query import RootQuery, decode_text, encode_text
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Callable

    from ec2rl.host.query import Encoded

    Asked = tuple[str, bytes, str, str]
    Statvfs = Callable[[bytes], os.statvfs_result]

_SECONDS, _EACH = 2.0, 1.0
_HUNG = 4
"""File systems that may hang before the others are left alone."""
_MOST = 256
_ANSWER = 1 << 20
NO_ANSWER = "!no answer"
"""Stands for the numbers of a file system that did not give any."""
_IMAGES = ("squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs")
"""Kinds that are always full, and never written."""
_RDONLY = 1  # ST_RDONLY


@record(frozen=True)
class Space(RootQuery[Evidence]):
    """Lines of folder, device, kind, and eight numbers of statvfs(3), apart by tabs.

    The numbers are: bytes of a block; blocks, free and available ones; inodes, free and available
    ones; 1 for a file system that is read-only.
    """

    @property
    def key(self) -> str:
        return "statvfs /proc/self/mountinfo"

    def ask(self) -> Evidence | Unreadable:
        try:
            mounts = _mounts()
            return Evidence(self.key, ask_all(mounts))
        except OSError as error:
            return unreadable(self.key, error)

    def below(self, root: int) -> Evidence | Unreadable:
        try:
            device, kind = mount_of(root)
            if not device:
                words = "the folder is no whole file system of a device"
                return Unreadable("statvfs of it", Why.ABSENT, words)
            asked = [("/", b"", device, kind)]
            return Evidence(self.key, _run(asked, lambda _: os.statvfs(root), _SECONDS))
        except OSError as error:
            return unreadable(self.key, error)
        except HungError as error:
            return Unreadable(self.key, Why.FAILED, str(error))

    def encode(self, answer: Evidence) -> Encoded:
        return encode_text(answer.text)

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Evidence:
        return Evidence(source, decode_text(text, notes))


class HungError(Exception):
    """Nobody answered in time."""


def _mounts() -> list[Asked]:
    """What is asked of this machine: each file system of a disk once, where it is mounted best."""
    found: dict[bytes, tuple[tuple[bool, int], Asked]] = {}
    for first, last in mount_rows():
        kind = os.fsdecode(last[0])
        is_disk = last[1].startswith(b"/dev/") and not kind.startswith("fuse")
        if (is_disk or kind == "zfs") and kind not in _IMAGES:
            shown = first[4].decode("utf-8", "backslashreplace")
            one = (shown, plain(first[4]), last[1].decode("utf-8", "backslashreplace"), kind)
            # A btrfs has a number for each subvolume, and one device.
            key = last[1] if kind == "btrfs" else first[2]
            rank = first[3] != b"/", len(first[4])
            if key not in found or rank < found[key][0]:
                found[key] = rank, one
    return [one for _, one in found.values()][:_MOST]


def ask_all(mounts: Sequence[Asked], statvfs: Statvfs = os.statvfs) -> str:
    """Ask each file system, those that hang apart from the others; OSError without a process."""
    try:
        return _run(mounts, statvfs, _SECONDS)
    except HungError:
        return _one_by_one(mounts, statvfs)


def _run(mounts: Sequence[Asked], statvfs: Statvfs, seconds: float) -> str:
    """Ask in a child; HungError where it does not answer, OSError where there is none."""
    from ec2rl.process import Limits, LostError, run

    try:
        said = run(lambda: _rows(mounts, statvfs).encode(), Limits(seconds), _ANSWER)
    except LostError as lost:
        raise HungError(str(lost)) from None
    return said.decode()


def _one_by_one(mounts: Sequence[Asked], statvfs: Statvfs) -> str:
    rows, hung = [], 0
    for one in mounts:
        try:
            is_asked = hung < _HUNG
            rows.append(_run([one], statvfs, _EACH) if is_asked else _row(one, NO_ANSWER))
        except (HungError, OSError):
            hung += 1
            rows.append(_row(one, NO_ANSWER))
    return "".join(rows)


def _rows(mounts: Sequence[Asked], statvfs: Statvfs) -> str:
    rows = []
    for one in mounts:
        try:
            told = statvfs(one[1])
        except OSError as error:
            rows.append(_row(one, f"!{os.strerror(error.errno or 0)}"))
            continue
        numbers = (
            *(told.f_frsize, told.f_blocks, told.f_bfree, told.f_bavail),
            *(told.f_files, told.f_ffree, told.f_favail, told.f_flag & _RDONLY),
        )
        rows.append(_row(one, "\t".join(map(str, numbers))))
    return "".join(rows)


def _row(one: Asked, told: str) -> str:
    return f"{one[0]}\t{one[2]}\t{one[3]}\t{told}\n"
