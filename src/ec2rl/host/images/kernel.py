"""A kernel's image: of which form, for which processor, which release, and whether it is whole.

Documentation/arch/x86/boot.rst (the setup header, protocol 2.00 on: `HdrS`, setup_sects, syssize,
kernel_version); Documentation/arch/arm64/booting.rst; drivers/firmware/efi/libstub/zboot-header.S
(6.1 on); PE/COFF, for kernels that firmware can start.
"""

from __future__ import annotations

from struct import unpack_from

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    ReadAt = Callable[[int, int], bytes]

_HEAD = 4096
_SECTIONS = 96
_MACHINES = {0x8664: 62, 0xAA64: 183, 0x14C: 3, 0x5064: 243, 0x5032: 243}
"""Machines of PE, as ELF numbers them."""
X86, ARM64 = 62, 183


@record(frozen=True)
class Kernel:
    """What an image tells of itself: `machine` as e_machine of ELF, 0 for unknown.

    `needs` is how many bytes a whole one has at least, None where nothing tells.
    """

    form: str
    machine: int = 0
    release: str = ""
    needs: int | None = None


def tell(read: ReadAt) -> Kernel:
    """Tell what an image is."""
    head = read(0, _HEAD).ljust(_HEAD, b"\0")
    if head[0x202:0x206] == b"HdrS":
        return _x86(read, head)
    if head[:2] == b"MZ" and head[4:8] == b"zimg":
        start, length = unpack_from("<II", head, 8)
        return Kernel("zboot", _pe_machine(head), "", start + length)
    if head[:2] == b"MZ":
        machine = ARM64 if head[0x38:0x3C] == b"ARMd" else _pe_machine(head)
        return Kernel("PE", machine, "", _pe_end(read, head))
    if head[:4] == b"\x7fELF":
        machine = unpack_from("<H" if head[5:6] == b"\1" else ">H", head, 18)[0]
        return Kernel("ELF", machine)
    if head[:3] == b"\x1f\x8b\x08":
        return Kernel("gzip")
    return Kernel("")


def _x86(read: ReadAt, head: bytes) -> Kernel:
    sectors = head[0x1F1] or 4
    protocol = unpack_from("<H", head, 0x206)[0]
    paragraphs = unpack_from("<I" if protocol >= 0x204 else "<H", head, 0x1F4)[0]
    at = unpack_from("<H", head, 0x20E)[0]
    words = read(at + 0x200, 128).split(b"\0")[0].split(b" ") if at else [b""]
    # XLF_KERNEL_64 of xloadflags, protocol 2.12 on.
    is_64 = protocol >= 0x20C and bool(head[0x236] & 1)
    release = words[0].decode("ascii", "backslashreplace")
    return Kernel("bzImage", X86 if is_64 else 3, release, (sectors + 1) * 512 + paragraphs * 16)


def _pe_at(head: bytes) -> int:
    at = unpack_from("<I", head, 0x3C)[0]
    return at if head[at : at + 4] == b"PE\0\0" and at + 24 <= len(head) else 0


def _pe_machine(head: bytes) -> int:
    at = _pe_at(head)
    return _MACHINES.get(unpack_from("<H", head, at + 4)[0], 0) if at else 0


def _pe_end(read: ReadAt, head: bytes) -> int | None:
    """Where the last section's bytes end in the file."""
    at = _pe_at(head)
    if not at:
        return None
    count, optional = unpack_from("<H", head, at + 6)[0], unpack_from("<H", head, at + 20)[0]
    table = read(at + 24 + optional, min(count, _SECTIONS) * 40)
    ends = [sum(unpack_from("<II", table, place + 16)) for place in range(0, len(table) - 39, 40)]
    return max(ends, default=None)
