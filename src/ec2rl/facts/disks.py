"""Block devices as values: what each holds, and which of them are the same data twice.

Paths to one disk, members of one array, a snapshot and its origin, a device and what is made of it
alone: all show the same bytes, and are no duplicates.
"""

from __future__ import annotations

from ec2rl.facts.proc import parse_number
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEMBERS = ("btrfs", "linux_raid_member")
"""Kinds of which several devices have one UUID, and each an id of its own."""
_NO_CONTENT = (
    *("21686148-6449-6e6f-744e-656564454649", "9e1a2d38-c612-4316-aa26-8b49521e5a8b"),
    *("e3c9e316-0b5c-4db8-817d-f92df00215ae", "05", "0f", "85", "41", "ee"),
)
"""Types of partitions without a file system: for GRUB, PReP, Microsoft's own, extended ones."""
_DEEP = 64
_MOST = 8192
"""Lines of an answer."""


@record(frozen=True)
class Disk:
    """A disk, a partition, or what is made of them; sizes and offsets in bytes.

    `of` and `part` are of a partition; `table` is the kind of a partition table, `backup` where its
    second header is; `kind`, `uuid`, `sub`, `label` and `taken` are of what it holds, `part_uuid`,
    `part_label` and `part_kind` of its own entry in the table.  `fault` says why its bytes were not
    read, `is_odd` that they are of no kind that is known.  One that only a table tells of, and the
    kernel does not, is not `is_listed`; `is_root` is what a volume's root lies on.
    """

    name: str
    number: str = ""
    size: int = 0
    of: str = ""
    part: int = 0
    start: int = 0
    holders: tuple[str, ...] = ()
    slaves: tuple[str, ...] = ()
    dm: str = ""
    dm_uuid: str = ""
    file: str = ""
    wwid: str = ""
    is_read_only: bool = False
    is_removable: bool = False
    sector: int = 512
    table: str = ""
    table_id: str = ""
    backup: int = 0
    damaged: str = ""
    kind: str = ""
    uuid: str = ""
    sub: str = ""
    label: str = ""
    taken: int = 0
    part_uuid: str = ""
    part_label: str = ""
    part_kind: str = ""
    fault: str = ""
    is_odd: bool = False
    is_listed: bool = True
    is_root: bool = False

    @property
    def path(self) -> str:
        """Its path, as people and tools name it."""
        return f"/dev/mapper/{self.dm}" if self.dm else f"/dev/{self.name.replace('!', '/')}"

    @property
    def shown(self) -> str:
        return self.dm or self.name

    @property
    def end(self) -> int:
        return self.start + self.size


def parse_disks(text: str) -> tuple[Disk, ...]:
    """Read the answer of `Disks`; a line of another form is a device that was not read."""
    found: dict[str, Disk] = {}
    entries: list[tuple[str, dict[str, str]]] = []
    lines = text.split("\n", _MOST)
    if len(lines) > _MOST:
        lines[_MOST] = "more fault=more\\x20than\\x20are\\x20read"
    for line in lines:
        name, *words = line.split(" ")
        told = {key: _plain(value) for key, _, value in (word.partition("=") for word in words)}
        disk, is_entry, _ = name.partition("#")
        if is_entry:
            entries.append((_plain(disk), told))
        elif name:
            found[_plain(name)] = _disk(_plain(name), told)
    for name, one in found.items():
        number = parse_number(one.dm_uuid[4:].partition("-")[0]) if one.slaves else None
        if one.dm_uuid.startswith("part") and number:  # kpartx(8) names a partition so
            found[name] = replace(one, of=one.slaves[0], part=number)
    own = {(one.of, one.part): one for one in found.values() if one.part}
    for name, told in entries:
        number = parse_number(told.get("entry", "")) or 0
        part = own.get((name, number)) or Disk(f"{name} partition {number}", is_listed=False)
        start, size = (parse_number(told.get(key, "")) or 0 for key in ("start", "size"))
        if part.is_listed and part.start != start and not part.dm:
            continue  # the kernel goes by another table than what stands there now
        found[part.name] = replace(
            part,
            of=name,
            part=number,
            start=start,
            size=part.size or size,
            part_uuid=told.get("uuid", ""),
            part_label=told.get("label", ""),
            part_kind=told.get("kind", ""),
            is_odd=part.is_odd and told.get("kind", "") not in _NO_CONTENT,
        )
    return tuple(found.values())


def _disk(name: str, told: Mapping[str, str]) -> Disk:
    keys = ("size", "part", "start", "sector", "backup", "fssize")
    numbers = {key: parse_number(told.get(key, "0")) for key in keys}
    is_odd_form = None in numbers.values() or not numbers["size"]
    size, part, start, sector, backup, taken = (one or 0 for one in numbers.values())
    return Disk(
        name,
        told.get("number", ""),
        size,
        told.get("of", ""),
        part,
        start,
        tuple(filter(None, told.get("holders", "").split(","))),
        tuple(filter(None, told.get("slaves", "").split(","))),
        told.get("dm", ""),
        told.get("dmuuid", ""),
        f"{told['file']} {told.get('offset', '0')}" if "file" in told else "",
        told.get("wwid", ""),
        "ro" in told,
        "removable" in told,
        sector or 512,
        told.get("table", ""),
        told.get("tableid", ""),
        backup,
        told.get("damaged", ""),
        told.get("type", ""),
        told.get("uuid", ""),
        told.get("sub", ""),
        told.get("label", ""),
        taken,
        fault=told.get("fault", "not in a known form" if is_odd_form else ""),
        is_odd="odd" in told or told.get("type") in ("other", "ambiguous"),
        is_root="root" in told,
    )


def _plain(word: str) -> str:
    """Undo the escapes of a word; bytes that are no UTF-8 stay as they are written."""
    if "\\" not in word:
        return word
    first, *rest = word.split("\\x")
    data = first.encode()
    for one in rest:
        try:
            data += bytes([int(one[:2], 16)]) + one[2:].encode()
        except ValueError:
            data += b"\\x" + one.encode()
    text = data.decode("utf-8", "backslashreplace")
    # What a terminal would obey stays escaped: it is shown, and compared, as it is written.
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def claimed(disk: Disk, by_name: Mapping[str, Disk]) -> bool:
    """Whether it is a partition of a disk that is a part of something as a whole: none to use."""
    whole = by_name.get(disk.of)
    holders = (by_name.get(one) for one in whole.holders) if whole is not None else ()
    return any(one is None or one.of != disk.of for one in holders)


def same_data(one: Disk, other: Disk, by_name: Mapping[str, Disk]) -> bool:
    """Whether two devices show the same bytes: one disk by two ways, and no copy of it."""
    first, second = below(one, by_name), below(other, by_name)
    if one.name in second or other.name in first or set(one.holders) & set(other.holders):
        return True
    # A snapshot and its origin lie on one device that is made (`-real`, or a thin pool's).
    if any(name.startswith("dm-") for name in first & second):
        return True
    if one.name == other.of or other.name == one.of:
        return True  # an image for CDs and disks begins both
    if "drbd" in (one.name[:4], other.name[:4]):
        return True  # /sys does not say on which device it lies
    whole, another = by_name.get(one.of, one), by_name.get(other.of, other)
    is_one = (whole.file and whole.file == another.file) or (
        whole.wwid and whole.wwid == another.wwid
    )
    return bool(is_one) and whole is not another and one.start == other.start


def below(disk: Disk, by_name: Mapping[str, Disk]) -> set[str]:
    """Name what a device is made of (`slaves`); a partition is of itself alone."""
    found = [*disk.slaves]
    for name in found:
        lower = by_name.get(name)
        more = lower.slaves if lower is not None else ()
        found += [one for one in more if one not in found and len(found) < _DEEP]
    return set(found)


def disk_names(disk: Disk, disks: Sequence[Disk]) -> tuple[str, ...]:
    """Name the disks that a device lies on at the end of all."""
    by_name = {one.name: one for one in disks}
    lowest = [one for one in (disk.name, *sorted(below(disk, by_name))) if one in by_name]
    wholes = (by_name[one].of or one for one in lowest if not by_name[one].slaves)
    return tuple(dict.fromkeys(wholes))
