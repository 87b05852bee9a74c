"""What an initial RAM disk has inside: it is unpacked in a process of its own, and bounded.

What this Python cannot unpack is left to a program of this machine (zstd, lz4, xz), which gets the
bytes of that part alone; what neither can is said.  Nothing is written to a disk.
"""

from __future__ import annotations

import os
import time

from ec2rl.host.queries.about_file import OpenFile
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ec2rl.host.unpack import Source

_SECONDS = 20.0
_UNPACKED = 1 << 30
"""Bytes of text: a large initrd has 300 MiB; a bomb has no end."""
_LARGEST = 256 << 20
_ENDLESS = 1 << 62
_SHOWN = 4000
"""Modules that are named."""
_SUFFIXES = (".ko", ".ko.xz", ".ko.gz", ".ko.zst")


@record(frozen=True)
class InitrdContent(OpenFile):
    """Lines of `name: value`: `size`, `modified`, `parts`, and how many `names` there are.

    `modules` are those of the kernel by their names, with `_` for `-`, `releases` the kernels that
    they are of; `init` is whether there is what the kernel starts.  `whole` is yes, no or unknown,
    and of the last two `why` says what tells; `unread` says what was not unpacked, "" for nothing.
    """

    path: str

    @property
    def key(self) -> str:
        return f"initrd content {self.path}"

    def tell(self, fd: int) -> str | Unreadable:
        from ec2rl.host.sandbox import read_in_sandbox

        status = os.fstat(fd)
        if status.st_size > _LARGEST:
            return Unreadable(self.key, Why.PARTIAL, f"larger than {_LARGEST >> 20} MiB")
        told = f"size: {status.st_size}\nmodified: {int(status.st_mtime)}\n"
        deadline = time.monotonic() + _SECONDS
        text = read_in_sandbox(
            self.key, lambda: _content(fd, status.st_size, deadline), _SECONDS + 5, _LARGEST
        )
        return text if isinstance(text, Unreadable) else told + text


def _content(fd: int, size: int, deadline: float) -> str:
    """Unpack all parts, and tell what is in them."""
    from ec2rl.host.images.initrd import CPIO, names_of, walk

    def read(at: int, length: int) -> bytes:
        return os.pread(fd, length, at)

    found = walk(read, size)
    names: list[str] = []
    whole, why, unread = found.is_whole, found.why, ""
    for kind, begin, end in found.parts:
        if kind == CPIO:
            inside, _, wrong = names_of(read, begin, size)
        else:
            inside, wrong, is_cut = _unpacked(fd, kind, begin, end or size, deadline)
            said = f"{kind}: {wrong.removeprefix(f'{kind}: ')}"
            if is_cut:
                whole, why = False, said
            elif wrong:
                unread = said
            elif whole is None and found.parts[-1][1] == begin:
                whole, why = True, ""  # what a walk alone could not tell
        names += inside
    return "".join(
        f"{name}: {value}\n"
        for name, value in (
            ("parts", " ".join(kind for kind, _, _ in found.parts)),
            ("names", len(names)),
            ("init", "yes" if {"init", "./init", "/init"}.intersection(names) else "no"),
            ("releases", " ".join(_releases(names))),
            ("modules", " ".join(_modules(names))),
            ("whole", "unknown" if whole is None else "yes" if whole else "no"),
            ("why", " ".join(why.split())),
            ("unread", " ".join(unread.split())),
        )
    )


def _unpacked(
    fd: int, kind: str, begin: int, end: int, deadline: float
) -> tuple[list[str], str, bool]:
    """The names in a packed part, what was wrong with it, and whether it is that it is cut."""
    from ec2rl.host.images.initrd import names_of
    from ec2rl.host.unpack import HEAD, open_archive

    part = _part(fd, begin, end)
    try:
        head = os.pread(part, HEAD, 0)
        source = open_archive(kind, head, _Reader(part), part, deadline)
        if isinstance(source, str):
            return [], source, False
        stream = _Stream(source)
        names: list[str] = []
        at = 0
        while True:
            inside, at, why = names_of(stream.read, at, _ENDLESS)
            names += inside
            if why:
                break
            at = stream.behind_zeros(at)
            if not stream.read(at, 1):
                break
        source.close()
        if stream.is_large:
            return names, f"more than {_UNPACKED >> 20} MiB of text", False
        if source.gap:
            return names, source.gap, time.monotonic() < deadline
        return names, why, at == -1
    finally:
        os.close(part)


def _part(fd: int, begin: int, end: int) -> int:
    """A file of its own, in memory, of some bytes of another."""
    part = os.memfd_create("part")
    while begin < end and (piece := os.pread(fd, min(1 << 20, end - begin), begin)):
        os.write(part, piece)
        begin += len(piece)
    os.lseek(part, 0, os.SEEK_SET)
    return part


class _Reader:
    """The packed bytes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self, size: int) -> bytes:
        return os.read(self._fd, size)

    def rewind(self) -> bool:
        os.lseek(self._fd, 0, os.SEEK_SET)
        return True


class _Stream:
    """Text that is read once, as if from places in it that only go up."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0
        self._kept = b""
        self._piece = bytearray(1 << 18)
        self.is_large = False

    def read(self, at: int, size: int) -> bytes:
        while self._at + len(self._kept) < at + size:
            if self._at > _UNPACKED:
                self.is_large = True
                break
            if at > self._at:
                cut = min(at - self._at, len(self._kept))
                self._at += cut
                self._kept = self._kept[cut:]
            length = self._source.readinto(memoryview(self._piece))
            if not length:
                break
            self._kept += self._piece[:length]
        start = at - self._at
        return self._kept[start : start + size] if start >= 0 else b""

    def behind_zeros(self, at: int) -> int:
        while (piece := self.read(at, 512)) and not piece.strip(b"\0"):
            at += len(piece)
        return at + len(piece) - len(piece.lstrip(b"\0"))


def _releases(names: Iterable[str]) -> list[str]:
    """The kernels whose modules an initrd has, by their folders."""
    found = set()
    for name in names:
        _, inside, rest = name.partition("lib/modules/")
        if inside and rest:
            found.add(rest.partition("/")[0])
    return sorted(one for one in found if " " not in one)[:16]


def _modules(names: Iterable[str]) -> list[str]:
    found = set()
    for name in names:
        if ".ko" in name and name.endswith(_SUFFIXES):
            found.add(name.rpartition("/")[2].partition(".ko")[0].replace("-", "_"))
    return sorted(one for one in found if " " not in one)[:_SHOWN]
