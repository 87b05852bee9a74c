"""How full file systems were, as df(1) printed it: of GNU, of busybox, in any language.

What it prints of room is in blocks of the size that its title names, or with a letter for its unit
(`-h`), rounded up: 0 that are left are none.  Inodes are told by `df -i`, which says nothing else.
"""

from __future__ import annotations

import re

from ec2rl.facts.space import INODES, ROOM, FileSystem
from ec2rl.host import DF, DF_INODES, Host
from ec2rl.model import Evidence
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_UNITS = "KMGTPEZY"
_NUMBER = r"[\d.,]+[A-Za-z]{0,3}|-"
_ROW = re.compile(
    rf"(?P<device>\S+) +(?:(?P<kind>[a-z]\S*) +)?(?P<all>{_NUMBER}) +(?P<used>{_NUMBER}) +"
    rf"(?P<left>{_NUMBER}) +(?:\d{{1,3}}%|-) +(?P<folder>/.*)"
)
_IMAGES = ("/dev/loop",)
"""Devices of file systems that are always full, and never written."""


def parse_df(text: str, inodes: bool = False) -> tuple[FileSystem, ...]:
    """Read what df printed, or `df -i`: the file systems of disks, and a container's own."""
    return tuple(_rows(text, inodes))


def read_df(host: Host) -> tuple[FileSystem, ...]:
    """Read what somebody saved of df, of room and of inodes together; () for neither."""
    found: dict[tuple[str, str], FileSystem] = {}
    for key, is_inodes in ((DF, False), (DF_INODES, True)):
        answer = host.read(key)
        for one in parse_df(answer.text, is_inodes) if isinstance(answer, Evidence) else ():
            known = found.get((one.folder, one.device))
            if known is not None and known.unknown != one.unknown:
                room, left = (known, one) if is_inodes else (one, known)
                numbers = left.inodes, left.inodes_free
                one = replace(room, inodes=numbers[0], inodes_free=numbers[1], unknown="")
            found[one.folder, one.device] = one
    return tuple(found.values())


def _rows(text: str, inodes: bool) -> Iterator[FileSystem]:
    # A long device has a line of its own, but for -P.
    text = re.sub(r"(?m)^(/\S+) *\n +(?=[\d.])", r"\1 ", text)
    block = _block(text)
    for line in text.split("\n"):
        found = _ROW.fullmatch(line.rstrip())
        if found is None or not _is_disk(found["device"], found["folder"]):
            continue
        size, used, left = (_number(found[name], 1 if inodes else block) for name in _FIELDS)
        if size is None or used is None or left is None:
            continue
        device, folder, kind = found["device"], found["folder"], found["kind"] or ""
        if inodes:
            yield FileSystem(folder, device, kind, inodes=size, inodes_free=left, unknown=ROOM)
        else:
            free = max(size - used, left)
            yield FileSystem(folder, device, kind, size, free, left, unknown=INODES)


_FIELDS = ("all", "used", "left")


def _is_disk(device: str, folder: str) -> bool:
    """As of a live machine; what a container has as its root is a part of a disk."""
    if device == "overlay":
        return folder == "/"
    return device.startswith("/dev/") and not device.startswith(_IMAGES)


def _block(text: str) -> int:
    """The bytes of a block that the title names: 1K-blocks, 1024-blocks, 1M-Blöcke."""
    found = re.search(r"\b(\d{1,6})([KMGT]?)B?-(?=\w)", text.partition("/")[0])
    if found is None:
        return 1024 if re.search(r"(?i)\bk-?(?:bytes|blocks)", text.partition("/")[0]) else 1
    return int(found[1]) << 10 * (" " + _UNITS).index(found[2] or " ")


def _number(said: str, block: int) -> int | None:
    """A number of bytes, or of inodes, with its letter; None for a dash."""
    found = re.fullmatch(r"([\d.,]+)([A-Za-z]?)(?:i?B)?", said)
    if found is None:
        return None
    try:
        number = float(found[1].replace(",", "."))
    except ValueError:
        return None
    letter = found[2].upper()
    if not letter:
        return int(number * block)
    return int(number * (1024 << 10 * _UNITS.index(letter))) if letter in _UNITS else None
