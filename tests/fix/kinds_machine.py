"""A machine for every kind of change: files, rights, names, links, values and an image to build."""

from __future__ import annotations

import os

from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, undo
from ec2rl.remedies import Change
from fix import small

SCHEDULER = "/sys/block/vda/queue/scheduler"
FSTAB = "/etc/fstab"
FSTAB_TEXT = "# mounts\nUUID=1 / xfs defaults 0 0\n/dev/xvdf /data ext4 defaults 0 2\n"

Observations = dict[str, tuple[str, int, int, int, bytes]]


def build(root: str) -> Machine:
    machine = small.build(root)
    os.makedirs(f"{root}/sys/block/vda/queue")
    os.makedirs(f"{root}/boot", 0o755)
    small.put(root + SCHEDULER, "mq-deadline\n")
    small.put(root + FSTAB, FSTAB_TEXT)
    return machine


def picture(machine: Machine) -> Observations:
    """See all below /etc, /boot and /sys: what it is, its mode and owner, and what is in it."""
    seen: Observations = {}
    for top in ("etc", "boot", "sys"):
        for folder, folders, files in os.walk(f"{machine.root}/{top}"):
            for name in (*folders, *files):
                path = f"{folder}/{name}"
                status = os.lstat(path)
                what, data = "folder", b""
                if os.path.islink(path):
                    what, data = "link", os.fsencode(os.readlink(path))
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        what, data = "file", file.read()
                mode = status.st_mode & 0o7777
                owner = status.st_uid, status.st_gid
                seen[path[len(machine.root) :]] = (what, mode, *owner, data)
    return seen


def there_and_back(machine: Machine, *changes: Change) -> dict[str, object]:
    """Apply changes and take them back; what was different in between, and nothing is after."""
    before = picture(machine)
    number = apply(changes, machine=machine, why="a test").id
    after = picture(machine)
    undo(number, machine=machine)
    assert picture(machine) == before
    names = before.keys() | after.keys()
    return {n: after.get(n) for n in sorted(names) if before.get(n) != after.get(n)}
