"""The mount whose top is open at a descriptor: known by its number, which no path can hide."""

from __future__ import annotations

import os

_OCTAL = ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\"))


def mount_rows() -> list[tuple[list[bytes], list[bytes]]]:
    """Read our mounts: the words before and behind ` - ` of each (proc_pid_mountinfo(5)). OSError.

    Those of 16 MiB, which are some 100,000.
    """
    with open("/proc/self/mountinfo", "rb") as file:
        lines = file.read(16 << 20).split(b"\n")
    halves = (line.partition(b" - ") for line in lines)
    rows = [(before.split(b" "), after.split(b" ")) for before, _, after in halves]
    return [(first, last) for first, last in rows if len(first) > 5 and len(last) > 1]


def plain(folder: bytes) -> bytes:
    """Undo the kernel's escapes in a folder's name (mangle() in fs/proc_namespace.c)."""
    for escaped, meant in _OCTAL:
        folder = folder.replace(escaped, meant)
    return folder


def mount_of(root: int) -> tuple[str, str]:
    """Tell the device and the kind of a file system that a folder is the whole of. OSError.

    "" for both where it is a part of one, or lies on no device.
    """
    with open(f"/proc/self/fdinfo/{root}", encoding="ascii") as file:
        told = dict(line.split(":", 1) for line in file.read().split("\n") if ":" in line)
    number = told.get("mnt_id", "").strip().encode()
    here = os.fsencode(os.readlink(f"/proc/self/fd/{root}"))
    for first, last in mount_rows():
        is_top = first[0] == number and plain(first[4]) == here
        # A subvolume of btrfs is mounted as the whole of it.
        is_whole = is_top and (first[3] == b"/" or last[0] == b"btrfs")
        if is_whole and last[1].startswith(b"/dev/"):
            return os.fsdecode(last[1]), os.fsdecode(last[0])
    return "", ""
