"""What a superblock says, as values."""

from __future__ import annotations

from ec2rl.record import record


@record(frozen=True)
class Content:
    """What a device holds: `sub` is the id of this device among those of one file system.

    `size` is how many bytes of the device it takes, 0 where that is not told.
    """

    kind: str
    uuid: str = ""
    label: bytes = b""
    sub: str = ""
    size: int = 0


def dashed(data: bytes) -> str:
    """Write 16 bytes as a UUID; "" for zeros, which is none."""
    told = data.hex()
    is_set = len(data) == 16 and any(data)
    return f"{told[:8]}-{told[8:12]}-{told[12:16]}-{told[16:20]}-{told[20:]}" if is_set else ""


def text_of(data: bytes) -> bytes:
    """Cut a label at its first NUL, and the blanks that fill it up."""
    return data.split(b"\0")[0].rstrip(b" \t\n\v\f\r")
