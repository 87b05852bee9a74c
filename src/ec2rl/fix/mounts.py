"""What is mounted below a volume: its own disks, and what is the rescuer's."""

from __future__ import annotations

import os
import re


def mount(fd: int) -> str:
    """Name the mount that an open file is on: proc_pid_fdinfo(5), mnt_id."""
    with open(f"/proc/self/fdinfo/{fd}", encoding="utf-8") as file:
        return next((line for line in file if line.startswith("mnt_id:")), "")


def volumes_own(root: str) -> list[tuple[int, str]]:
    """Open the disks that are mounted below a volume and nowhere else: each with its path.

    Outermost first.  A /sys, a /run or a folder of the rescuer, bound there, is none of them; and
    no folder that is covered by another mount.  See proc_pid_mountinfo(5); a file system that has
    no device of its own (as btrfs) is known by the name of its source.
    """
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        mounts = [_parsed(line) for line in file]
    below = f"{root.rstrip('/')}/"
    theirs = {device for _, device, path, _ in mounts if not f"{path}/".startswith(below)}
    opened = []
    for number, device, path, source in mounts:
        disk = not device.startswith("0:") or source.startswith("/dev/")
        if path.startswith(below) and disk and device not in theirs:
            fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            if os.path.isdir(path) and mount(fd).split() == ["mnt_id:", number]:
                opened.append((fd, path))
            else:
                os.close(fd)
    return opened


def _parsed(line: str) -> tuple[str, str, str, str]:
    """Take its number, its device, where it is and what it is of out of a line of mountinfo."""
    fields, _, rest = line.partition(" - ")
    number, _, device, _, path = fields.split(" ")[:5]
    return number, device, _unescaped(path), _unescaped(rest.split(" ")[1])


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
