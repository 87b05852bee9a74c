"""Block devices: what /sys says of each, and what its first bytes say it holds.

A device that does not answer keeps who reads it: the bytes are read in a process of its own, and
where that does not end, each disk's in one of its own.
"""

from __future__ import annotations

import os
import stat

from ec2rl.host.disks.sys_block import all_names, names_around, read_device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Told = dict[str, str]
    """What is told of a device, by name; a flag has the value ""."""
    Read = Callable[[str, Told], list[Told]]

_HEAD, _FAR = 8 << 10, 72 << 10
"""Bytes from the beginning that are read at once: nearly all superblocks, and the rest of them."""
_BUDGET = 4 << 20
_MOST = 1024
_SECONDS, _EACH, _HUNG = 3.0, 1.0, 4
_ANSWER = 8 << 20
NO_ANSWER = "no answer"


def tell_all() -> str:
    """Tell of all block devices that have room. OSError where there is no /sys, or no process."""
    names = all_names()
    left = f"more fault={len(names) - _MOST}\\x20more\\x20devices\n" if len(names) > _MOST else ""
    return _tell(names[:_MOST], "") + left


def tell_of(number: int) -> str:
    """Tell of the device of this number: its disk, the partitions of that, and what lies below."""
    name, names = names_around(number)
    return _tell(names[:_MOST], name)


def _tell(names: Sequence[str], root: str) -> str:
    devices = {name: told for name in names if (told := read_device(name)) is not None}
    if root in devices:
        devices[root]["root"] = ""
    contents = ask_all({name: told for name, told in devices.items() if "fault" not in told})
    lines = []
    for name, told in devices.items():
        own, *others = contents.get(name, [{"fault": told.get("fault", NO_ANSWER)}])
        lines.append(_line(name, {**told, **own}))
        lines += [_line(f"{name}#{one['entry']}", one) for one in others]
    return "".join(lines)


def _line(name: str, told: Mapping[str, str]) -> str:
    words = [f"{key}={escaped(value)}" if value else key for key, value in told.items()]
    return " ".join([escaped(name), *words]) + "\n"


def escaped(text: str) -> str:
    """Write a text as a word of printable ASCII: other bytes as `\\\\xNN`."""
    data = text.encode("utf-8", "surrogateescape")
    if text.isascii() and text.isprintable() and not set(" \\") & set(text):
        return text
    plain = (chr(one) if 33 <= one < 127 and one != 92 else f"\\x{one:02x}" for one in data)
    return "".join(plain)


def ask_all(devices: Mapping[str, Told], read: Read | None = None) -> dict[str, list[Told]]:
    """Read what all devices hold: each disk apart from the others, where one does not answer."""
    from ec2rl.process import LostError

    read = read or _read_device
    try:
        return _run(devices, read, _SECONDS)
    except LostError:
        pass
    found: dict[str, list[Told]] = {}
    hung = 0
    for disk in dict.fromkeys(told.get("of", name) for name, told in devices.items()):
        own = {name: one for name, one in devices.items() if disk in (name, one.get("of"))}
        try:
            found |= _run(own, read, _EACH) if hung < _HUNG else {}
        except LostError:
            hung += 1
    return found


def _run(devices: Mapping[str, Told], read: Read, seconds: float) -> dict[str, list[Told]]:
    import marshal

    from ec2rl.process import Limits, run

    def work() -> bytes:
        return marshal.dumps({name: read(name, told) for name, told in devices.items()})

    found: dict[str, list[Told]] = marshal.loads(run(work, Limits(seconds), _ANSWER))  # noqa: S302
    return found


def _read_device(name: str, told: Told) -> list[Told]:
    """What a device holds, and the entries of its table behind it; a fault where it is not read."""
    try:
        fd = _opened(name, told["number"])
    except OSError as error:
        return [{"fault": _why(name, error)}]
    try:
        sector = int(told.get("sector", "512"))
        return [*contents(Window(fd), int(told["size"]), sector, is_part="part" in told)]
    except OSError as error:
        return [{"fault": f"{error.strerror}"}]
    finally:
        os.close(fd)


def _why(name: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no /dev/{name}"
    is_denied = isinstance(error, PermissionError) and os.geteuid() != 0
    return "needs root" if is_denied else f"{error.strerror}"


def _opened(name: str, number: str) -> int:
    """Open a device, and make sure that it is the one of this number."""
    path = f"/dev/{name.replace('!', '/')}"
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW
    if not stat.S_ISBLK(os.lstat(path).st_mode):
        raise OSError(0, f"{path} is no block device")
    fd = os.open(path, flags)
    found = os.fstat(fd)
    its = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    if stat.S_ISBLK(found.st_mode) and its == number:
        return fd
    os.close(fd)
    raise OSError(0, f"{path} is another device")


class Window:
    """The bytes of an open device: its beginning is read once, of the rest a bounded part."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._head = os.pread(fd, _HEAD, 0)
        self._far: bytes | None = None
        self._budget = _BUDGET

    def __call__(self, offset: int, size: int) -> bytes:
        if offset + size <= _HEAD:
            return self._head[offset : offset + size]
        if offset >= _HEAD and offset + size <= _FAR:
            if self._far is None:
                self._far = os.pread(self._fd, _FAR - _HEAD, _HEAD)
            return self._far[offset - _HEAD : offset - _HEAD + size]
        if size > self._budget or offset >= 1 << 62:
            return b""
        self._budget -= size
        return os.pread(self._fd, size, offset)

    @property
    def is_blank(self) -> bool:
        """Whether all of the beginning is zeros."""
        return not any(self(0, _HEAD)) and not any(self(_HEAD, _FAR - _HEAD))


def contents(at: Window, size: int, sector: int, is_part: bool) -> Iterator[Told]:
    """Yield what a device holds, then each entry of its partition table."""
    from ec2rl.host.disks.superblocks import identify
    from ec2rl.host.disks.tables import read_table

    found = identify(at, size)
    is_boot_sector = found is not None and found.kind in ("vfat", "exfat", "ntfs")
    table = None if is_part or is_boot_sector else read_table(at, size, sector)
    told: Told = {}
    entries: Iterable[Told] = ()
    if table is not None:
        told |= {"table": table.kind, "tableid": table.id}
        told |= {"backup": str(table.backup)} if table.backup else {}
        told |= {"damaged": table.fault} if table.fault else {}
        entries = (
            {
                "entry": str(one.number),
                "start": str(one.start),
                "size": str(one.size),
                "kind": one.kind,
                "uuid": one.uuid,
                "label": os.fsdecode(one.label),
            }
            for one in table.entries
        )
    if found is not None:
        told |= {"type": found.kind, "uuid": found.uuid, "label": os.fsdecode(found.label)}
        told |= {"sub": found.sub, "fssize": str(found.size) if found.size else ""}
    elif table is None and not at.is_blank:
        told["odd"] = "1"
    yield {key: value for key, value in told.items() if value}
    for one in entries:
        yield {key: value for key, value in one.items() if value}
