"""FAT and exFAT: the boot sector, and the label, which is an entry of the root folder."""

from __future__ import annotations

from struct import unpack_from

from ec2rl.host.disks.content import Content, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.disks import At

_FOLDER = 32 << 10
"""Bytes of a root folder that are searched for the label, nearly always its first entry."""
_SECTORS = (512, 1024, 2048, 4096)


def vfat(at: At) -> Content | None:
    """Read a boot sector of FAT (Microsoft's "FAT: General Overview of On-Disk Format", 1.03)."""
    data = at(0, 512)
    if len(data) < 512 or data[510:512] != b"\x55\xaa":
        return None
    sector, cluster, reserved, fats, entries, few, media, short = unpack_from("<HBHBHHBH", data, 11)
    many, long = unpack_from("<II", data, 32)
    is_sane = sector in _SECTORS and cluster and not cluster & (cluster - 1) and reserved and fats
    if not is_sane or not (media == 0xF0 or media >= 0xF8):
        return None
    length = short or long
    start = (reserved + fats * length) * sector
    if short:
        if data[54:57] != b"FAT":
            return None
        serial, folder = data[39:43], at(start, min(entries * 32, _FOLDER))
    else:
        if data[82:90] != b"FAT32   ":
            return None
        first = unpack_from("<I", data, 44)[0]
        start += (first - 2) * cluster * sector
        serial, folder = (
            data[67:71],
            at(start, min(cluster * sector, _FOLDER)) if first > 1 else b"",
        )
    uuid = f"{serial[3]:02X}{serial[2]:02X}-{serial[1]:02X}{serial[0]:02X}" if any(serial) else ""
    return Content("vfat", uuid, _label(folder), size=(few or many) * sector)


def _label(folder: bytes) -> bytes:
    for n in range(0, len(folder) - 31, 32):
        entry = folder[n : n + 32]
        if entry[0] == 0:
            break
        # The attribute of a label alone: with others it is a part of a long name.
        is_label = entry[11] & 0x3F != 0x0F and entry[11] & 0x18 == 0x08
        if is_label and entry[0] != 0xE5 and entry[20:22] == b"\0\0" and entry[26:28] == b"\0\0":
            name = entry[:11]
            return text_of(b"\xe5" + name[1:] if name[0] == 0x05 else name)
    return b""


def exfat(at: At) -> Content | None:
    """Read a boot sector of exFAT (Microsoft's "exFAT file system specification")."""
    data = at(0, 512)
    if data[3:11] != b"EXFAT   " or len(data) < 512 or data[510:512] != b"\x55\xaa":
        return None
    length = unpack_from("<Q", data, 72)[0]
    heap, _, root, serial = unpack_from("<IIII", data, 88)
    sector, cluster = data[108], data[109]
    label = b""
    if 9 <= sector <= 12 and cluster <= 25 - sector and root >= 2:
        folder = at((heap << sector) + ((root - 2) << (sector + cluster)), 4096)
        for n in range(0, len(folder) - 31, 32):
            if folder[n] == 0:
                break
            if folder[n] == 0x83:
                count = min(folder[n + 1], 11)
                name = folder[n + 2 : n + 2 + 2 * count].decode("utf-16-le", "replace")
                label = name.encode()
                break
    uuid = f"{serial >> 16:04X}-{serial & 0xFFFF:04X}" if serial else ""
    size = length << sector if 9 <= sector <= 12 else 0
    return Content("exfat", uuid, label, size=size)
