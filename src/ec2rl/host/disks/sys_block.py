"""What /sys says of block devices (Documentation/ABI/stable/sysfs-block, 2.6.32 to 6.18)."""

from __future__ import annotations

import os

_SYS = "/sys/class/block"
_PASSED = ("ram", "zram", "sr", "fd", "mtdblock")
"""Memory, and drives whose medium is moved to be read (Documentation/admin-guide/devices.txt)."""
_MOST = 1024


def all_names() -> list[str]:
    """Name all block devices but those that are passed over. OSError where there is no /sys."""
    return [one for one in sorted(os.listdir(_SYS)) if not one.startswith(_PASSED)]


def names_around(number: int) -> tuple[str, list[str]]:
    """Name the device of this number, and its disk, the partitions of that, and what lies below."""
    path = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    name = os.path.basename(path)
    found = [name]
    for one in found:
        folder = os.path.realpath(f"{_SYS}/{one}")
        if os.path.exists(f"{folder}/partition"):
            folder = os.path.dirname(folder)
        disk = os.path.basename(folder)
        parts = [part for part in _names(folder) if os.path.exists(f"{folder}/{part}/partition")]
        more = [disk, *parts, *_names(f"{folder}/slaves")]
        found += [part for part in dict.fromkeys(more) if part not in found]
        if len(found) > _MOST:
            break
    return name, sorted(found)


def read_device(name: str) -> dict[str, str] | None:
    """What the kernel says of a device (ABI/stable/sysfs-block); None for an empty one."""
    folder = f"{_SYS}/{name}"
    size = _number(f"{folder}/size")
    if size is None:
        return {"fault": "its size is not told"}
    if not size or _read(f"{folder}/hidden") == "1":
        return None
    told = {"number": _read(f"{folder}/dev"), "size": str(size * 512)}
    part = _read(f"{folder}/partition")
    if part:
        disk = os.path.basename(os.path.dirname(os.path.realpath(folder)))
        told |= {"of": disk, "part": part, "start": str((_number(f"{folder}/start") or 0) * 512)}
    else:
        sector = _read(f"{folder}/queue/logical_block_size")
        told |= {"sector": sector} if sector not in ("", "512") else {}
    for key, path in (
        ("dm", "dm/name"),
        ("dmuuid", "dm/uuid"),
        ("file", "loop/backing_file"),
        ("offset", "loop/offset"),
        ("wwid", "wwid"),
        ("wwid", "device/wwid"),
    ):
        is_there = not part and (key == "wwid" or name.startswith(("dm-", "loop")))
        value = _read(f"{folder}/{path}") if is_there else ""
        told |= {key: value} if value else {}
    for flag in ("ro", "removable"):
        told |= {flag: ""} if _read(f"{folder}/{flag}") == "1" else {}
    for key in ("holders", "slaves"):
        names = _names(f"{folder}/{key}")
        told |= {key: ",".join(names)} if names else {}
    return told


def _read(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.fsdecode(os.read(fd, 4096)).strip("\n ")
    except OSError:
        return ""
    finally:
        os.close(fd)


def _number(path: str) -> int | None:
    text = _read(path)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
