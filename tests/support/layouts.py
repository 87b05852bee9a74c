"""Layouts of sysctl files, run for real: the readers in a root, mount and network namespace of
their own, over a /proc/sys of plain files (or the namespace's own), compared with what we compute.

Nothing of the machine can be written: /etc, /run and the vendor folders are the layout's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest

from ec2rl.facts.sysctl_conf import Reader
from ec2rl.host.files import unreadable
from ec2rl.host.live import LiveHost
from ec2rl.model import Evidence, Unreadable

NETFILTER = "net/netfilter/nf_conntrack_"
NAMES = (
    "max",
    "buckets",
    "tcp_timeout_close",
    "tcp_timeout_close_wait",
    "tcp_timeout_established",
    "tcp_timeout_last_ack",
    "udp_timeout",
    "udp_timeout_stream",
)
OF_THE_MACHINE = ("/proc/", "/sys/", "/lib/modules/", "/usr/lib/systemd")
ALIAS = "net/nf_conntrack_max"
COMMANDS = {
    Reader.SYSTEMD: ["/usr/lib/systemd/systemd-sysctl"],
    Reader.PROCPS: ["/usr/sbin/sysctl", "--system"],
}

# $1 is the layout, the rest the command. All mounts go with the namespace.
_SCRIPT = """
set -e
layout=$1; shift
root=$layout/root
mount -t tmpfs none "$root"
mkdir "$root/etc" "$root/run" "$root/usr" "$root/proc" "$root/dev"
mount --rbind /usr "$root/usr"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
mount --bind "$layout/etc" "$root/etc"
mount --bind "$layout/run" "$root/run"
mount --bind "$layout/usr/lib/sysctl.d" "$root/usr/lib/sysctl.d"
mount --bind "$layout/usr/local/lib" "$root/usr/local/lib"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
if [ -d "$layout/sys" ]; then mount --bind "$layout/sys" "$root/proc/sys"; fi
chroot "$root" "$@" >&2 || true
cd "$root/proc/sys"
while IFS= read -r name; do printf '%s=' "$name"; head -n 1 "$name"; done < "$layout/keys"
"""


def need_tools() -> None:
    """Skip, with the reason, where the layouts cannot be run for real."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mount and network namespaces")
    for command in COMMANDS.values():
        if not os.path.exists(command[0]):
            pytest.skip(f"needs {command[0]} (packages systemd and procps)")
    if not os.path.isdir("/usr/lib/sysctl.d") or not os.path.islink("/lib"):
        pytest.skip("needs a merged /usr with /usr/lib/sysctl.d")
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare (package util-linux)")


def lay(folder: Path, files: Mapping[str, str]) -> None:
    """Make the files of a layout; a text `-> TARGET` makes a link, `/` a folder."""
    for name in ("etc/sysctl.d", "run/sysctl.d", "usr/lib/sysctl.d", "usr/local/lib/sysctl.d"):
        (folder / name).mkdir(parents=True)
    (folder / "root").mkdir()
    for name, text in files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        elif text == "/":
            path.mkdir()
        else:
            path.write_bytes(text.encode("utf-8", "surrogateescape"))


CONNTRACK = tuple(f"{NETFILTER}{name}" for name in NAMES)
# One file by two names, as one variable has two keys.
ALIASES = {ALIAS: f"{NETFILTER}max"}


def lay_keys(folder: Path, keys: Sequence[str], aliases: Mapping[str, str], text: str) -> None:
    """Make a /proc/sys of plain files, each with the same text."""
    shutil.rmtree(folder / "sys", ignore_errors=True)
    for key in keys:
        path = folder / "sys" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for alias, key in aliases.items():
        (folder / "sys" / alias).parent.mkdir(parents=True, exist_ok=True)
        os.link(folder / "sys" / key, folder / "sys" / alias)


def run(
    folder: Path,
    reader: Reader,
    plain: bool,
    keys: Sequence[str] = CONNTRACK,
    aliases: Mapping[str, str] = ALIASES,
    text: str = "0\n",
    before: Sequence[str] = (),
) -> dict[str, str]:
    """What a real reader leaves under each key: in plain files (`text` before), or in the kernel.

    Plain files keep every text; the kernel of a new network namespace refuses what it refuses.
    `before` are words in front of the reader's command.
    """
    shutil.rmtree(folder / "sys", ignore_errors=True)
    if plain:
        lay_keys(folder, keys, aliases, text)
    (folder / "keys").write_text("".join(f"{key}\n" for key in keys))
    done = subprocess.run(
        ["unshare", "-mn", "sh", "-c", _SCRIPT, "sh", str(folder), *before, *COMMANDS[reader]],
        capture_output=True,
        check=True,
        timeout=60,
    )
    lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")
    return {key: value for key, equals, value in (line.partition("=") for line in lines) if equals}


class RootedHost(LiveHost):
    """The files below a folder, and this machine's kernel; links are resolved at their end only."""

    def __init__(self, root: Path) -> None:
        self.__dict__.update(name="a layout", root=str(root))

    def _below(self, path: str) -> str:
        return path if path.startswith(OF_THE_MACHINE) else f"{self.__dict__['root']}{path}"

    def read(self, path: str) -> Evidence | Unreadable:
        for _ in range(9):
            target = self.link(path)
            if isinstance(target, Unreadable):
                break
            path = normpath(join(dirname(path), target))
        found = super().read(self._below(path))
        return found if isinstance(found, Unreadable) else Evidence(path, found.text)

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        try:
            return tuple(sorted(os.listdir(self._below(path))))
        except OSError as error:
            return unreadable(path, error)

    def link(self, path: str) -> str | Unreadable:
        try:
            return os.readlink(self._below(path))
        except OSError as error:
            return unreadable(path, error)
