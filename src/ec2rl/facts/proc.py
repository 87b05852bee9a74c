"""Small files in which the kernel answers, as values; None for what cannot be understood."""

from __future__ import annotations

from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

MEMORY = "/proc/meminfo"
RELEASE = "/proc/sys/kernel/osrelease"

_DIGITS = 20
"""Of an unsigned 64-bit number."""


def parse_number(text: str) -> int | None:
    """Read a decimal number without a sign."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def number_of(answer: Evidence | Unreadable) -> int | None:
    """Read the number that a file was found to hold."""
    return parse_number(answer.text) if isinstance(answer, Evidence) else None


def number(host: Host, path: str) -> int | None:
    """Read a file of /proc or /sys that holds one number."""
    return number_of(host.read(path))


def setting(host: Host, key: str) -> int | Unreadable:
    """Read a setting below /proc/sys that is one number, such as `net.core.somaxconn`."""
    answer = host.read(f"/proc/sys/{key.replace('.', '/')}")
    value = number_of(answer)
    if value is not None:
        return value
    return answer if isinstance(answer, Unreadable) else Unreadable(key, Why.FAILED, "not a number")


def parse_fields(text: str) -> dict[str, int]:
    """Read lines of a name, a number and perhaps `kB`, which makes bytes of the number."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        value = parse_number(words[1]) if len(words) in (2, 3) else None
        if value is not None:
            found[words[0].removesuffix(":")] = value << 10 if words[2:] == ["kB"] else value
    return found


def memory(host: Host) -> dict[str, int]:
    """Read /proc/meminfo: bytes, and numbers of huge pages; {} where it cannot be read."""
    found = host.read(MEMORY)
    return parse_fields(found.text) if isinstance(found, Evidence) else {}


def available_memory(host: Host) -> int | None:
    """Tell the bytes that can be had without swapping (MemAvailable), else all there are."""
    found = memory(host)
    return found.get("MemAvailable", found.get("MemTotal"))


def rise(before: int | None, after: int | None) -> int | None:
    """Tell by how much a counter rose between two looks, over the wrap of a 32-bit number.

    None where that is not known: a wrap that would mean 2**31 and more was none, but a fall.
    """
    if before is None or after is None:
        return None
    risen = after - before if after >= before else (after - before) % (1 << 32)
    return risen if after >= before or risen < 1 << 31 else None


def counter(host: Host, name: str) -> int | None:
    """Read a counter of /proc/vmstat since boot."""
    found = host.read("/proc/vmstat")
    return parse_fields(found.text).get(name) if isinstance(found, Evidence) else None


def release(host: Host) -> str | None:
    """Read the running kernel's release, such as `6.1.0-18-amd64`."""
    found = host.read(RELEASE)
    return found.text.strip() if isinstance(found, Evidence) else None


def version(release: str) -> tuple[int, int] | None:
    """Read the first two numbers of a kernel release."""
    parts = release.split("-")[0].split(".")
    if len(parts) < 2 or not all(p.isascii() and p.isdigit() and len(p) < 5 for p in parts[:2]):
        return None
    return int(parts[0]), int(parts[1])


def running_version(host: Host) -> tuple[int, int] | None:
    """Read the running kernel's version, as (6, 18)."""
    return version(release(host) or "")


def parse_rows(text: str, names: Collection[str], digits: int) -> list[dict[str, int]] | None:
    """Read a table of /proc/net/stat: a header, then a row of hexadecimal numbers a CPU.

    Each row's numbers of these names, where the kernel has them; None for no such table.  `digits`
    is the most that a number has.
    """
    lines = text.splitlines()
    if len(lines) < 2:
        return None
    header = lines[0].split()
    rows = []
    for line in lines[1:]:
        cells = line.split()
        if len(cells) != len(header) or not all(_is_hex(cell, digits) for cell in cells):
            return None
        rows.append({name: int(cell, 16) for name, cell in zip(header, cells) if name in names})
    return rows


def _is_hex(cell: str, digits: int) -> bool:
    return 0 < len(cell) <= digits and not cell.strip("0123456789abcdefABCDEF")
