"""A small machine in a folder, for tests of changes: no root needed, and all of it comparable."""

from __future__ import annotations

import os

from ec2rl.fix.machine import Machine
from ec2rl.remedies import SetSysctl, WriteFile

MAX = "net.netfilter.nf_conntrack_max"
FILE = "/etc/sysctl.d/99-netfilter.conf"
NEW = "/etc/modules-load.d/ec2rl.conf"
OLD_TEXT = "net.netfilter.nf_conntrack_max=262144\n"
NEW_TEXT = "net.netfilter.nf_conntrack_max=524288\n"
FOLDERS = ("sysctl.d", "modprobe.d", "modules-load.d")

CHANGES = (
    WriteFile(FILE, NEW_TEXT, OLD_TEXT),
    WriteFile(NEW, "nf_conntrack\n", None),
    SetSysctl(MAX, "524288", "262144"),
)


def build(root: str) -> Machine:
    """Make a machine whose every part lies below `root`."""
    os.chmod(root, 0o755)
    for folder in FOLDERS:
        os.makedirs(f"{root}/etc/{folder}", 0o755)
    for folder in ("proc/sys/net/netfilter", "proc/sys/kernel/random", "sys/module"):
        os.makedirs(f"{root}/{folder}")
    os.makedirs(f"{root}/var/lib", 0o755)
    put(root + FILE, OLD_TEXT)
    os.chmod(root + FILE, 0o640)
    put(setting(root, MAX), "262144\n")
    boot(root, "first")
    return Machine(root=root, sysctls=f"{root}/proc/sys", modules=f"{root}/sys/module")


def boot(root: str, name: str) -> None:
    put(f"{root}/proc/sys/kernel/random/boot_id", f"{name}\n")


def setting(root: str, key: str) -> str:
    return f"{root}/proc/sys/{key.replace('.', '/')}"


def put(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def picture(machine: Machine) -> dict[str, tuple[str, int]]:
    """See the text and the mode of all that a change may touch."""
    paths = [f"/etc/{folder}/{n}" for folder in FOLDERS for n in _names(machine, folder)]
    seen = {path: _file(machine.root + path) for path in paths}
    for folder in FOLDERS:
        if not os.path.isdir(f"{machine.root}/etc/{folder}"):
            seen[folder] = "missing", 0
    netfilter = os.path.dirname(setting(machine.root, MAX))
    for name in os.listdir(netfilter):
        seen[name] = _file(f"{netfilter}/{name}")
    return seen


def _names(machine: Machine, folder: str) -> list[str]:
    path = f"{machine.root}/etc/{folder}"
    return os.listdir(path) if os.path.isdir(path) else []


def _file(path: str) -> tuple[str, int]:
    status = os.lstat(path)
    if not os.path.isfile(path) or os.path.islink(path) or status.st_size > 1 << 20:
        return "", status.st_mode
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "backslashreplace"), status.st_mode
