"""A small machine to be changed, killed and edited: made anew for each case, and compared whole."""

from __future__ import annotations

import os
import shutil

from ec2rl.fix.machine import Machine
from ec2rl.remedies import SetSysctl, WriteFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    from ec2rl.remedies import Change

    Picture = dict[str, Union[tuple[bytes, int, int, int, tuple[tuple[str, bytes], ...]], str]]

FILE = "/etc/sysctl.d/99-netfilter.conf"
NEW = "/etc/modules-load.d/ec2rl.conf"
MAX = "net.netfilter.nf_conntrack_max"
IDLE = "net.netfilter.nf_conntrack_tcp_timeout_established"
OLD_TEXT = "# ours\nnet.netfilter.nf_conntrack_max=262144\n"
NEW_TEXT = (
    "# ours\nnet.netfilter.nf_conntrack_max=524288\nnet.netfilter.nf_conntrack_buckets=524288\n"
)

# The values have equal lengths, as a file in the place of a kernel setting keeps what is not
# written over.
CHANGES = (
    SetSysctl(MAX, "524288", "262144"),
    SetSysctl(IDLE, "100000", "432000"),
    WriteFile(FILE, NEW_TEXT, OLD_TEXT),
    WriteFile(NEW, "nf_conntrack\n", None),
)
BEFORE = {MAX: "262144\n", IDLE: "432000\n"}


class Scene:
    """Settings and files: what most fixes change."""

    name = "files"

    def changes(self, root: str) -> Sequence[Change]:
        return CHANGES

    def without_exchange(self) -> Scene:
        """Leave out what takes a file system that can exchange files."""
        return self

    def machine(self, root: str, proc: str) -> Machine:
        return Machine(root=root, sysctls=proc, modules=f"{proc}/sys/module")

    def build(self, root: str, proc: str) -> None:
        build(root, proc)

    def boot(self, proc: str, name: str) -> None:
        boot(proc, name)

    def picture(self, root: str, proc: str) -> Picture:
        return picture(root, proc)

    def set_by_hand(self, proc: str) -> None:
        """Have those of the kernel's values that no file sets as the change leaves them."""
        with open(setting(proc, IDLE), "w") as value:
            value.write("100000\n")


def build(root: str, proc: str) -> None:
    """Make the machine: its files below `root`, its kernel's settings below `proc`."""
    files(root)
    boot(proc, "first")


def files(root: str) -> None:
    """Make the files; the folder of one of them is missing, and is to be made."""
    for folder in ("sysctl.d", "modprobe.d"):
        os.makedirs(f"{root}/etc/{folder}")
    os.makedirs(f"{root}/var/lib", exist_ok=True)
    with open(root + FILE, "w") as file:
        file.write(OLD_TEXT)
    os.chmod(root + FILE, 0o640)
    os.chown(root + FILE, 0, 4)
    os.setxattr(root + FILE, "trusted.ec2rl", b"a label")


def boot(proc: str, name: str) -> None:
    """Start the kernel: its settings are as it was built, and its boot has a new name."""
    shutil.rmtree(proc, ignore_errors=True)
    os.makedirs(f"{proc}/kernel/random")
    os.makedirs(f"{proc}/net/netfilter")
    with open(f"{proc}/kernel/random/boot_id", "w") as file:
        file.write(name)
    for key, value in BEFORE.items():
        with open(setting(proc, key), "w") as file:
            file.write(value)


def setting(proc: str, key: str) -> str:
    return f"{proc}/{key.replace('.', '/')}"


def picture(root: str, proc: str) -> Picture:
    """See everything that a change may touch, and everything that it may leave lying about."""
    seen: Picture = {}
    for folder in os.listdir(f"{root}/etc"):
        seen[f"/etc/{folder}"] = oct(os.stat(f"{root}/etc/{folder}").st_mode)
        for name in os.listdir(f"{root}/etc/{folder}"):
            path = f"{root}/etc/{folder}/{name}"
            status = os.stat(path)
            labels = tuple((n, os.getxattr(path, n)) for n in sorted(os.listxattr(path)))
            with open(path, "rb") as file:
                seen[f"/etc/{folder}/{name}"] = (
                    file.read(),
                    status.st_mode,
                    status.st_uid,
                    status.st_gid,
                    labels,
                )
    for key in BEFORE:
        with open(setting(proc, key)) as text:
            seen[key] = text.read()
    return seen
