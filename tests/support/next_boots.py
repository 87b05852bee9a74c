"""Random layouts of sysctl files about any keys, and our answer beside the real readers'."""

from __future__ import annotations

import random
from pathlib import Path

from ec2rl.facts.sysctl_conf import Reader
from ec2rl.model import Evidence, Unreadable
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.settings import next_boot
from ec2rl.next_boot.values import plain
from support.layouts import RootedHost, lay, run

KEYS = (
    "vm/swappiness",
    "kernel/core_pattern",
    "kernel/pid_max",
    "fs/file-max",
    "net/core/somaxconn",
    "net/ipv4/ip_forward",
    "net/ipv4/tcp_rmem",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/default/rp_filter",
    "net/ipv4/conf/lo/rp_filter",
    "net/ipv4/conf/eth0/rp_filter",
    "net/ipv4/conf/eth0.100/rp_filter",
    "net/bridge/bridge-nf-call-iptables",
)
ALIASES = {"net/ipv4/conf/all/forwarding": "net/ipv4/ip_forward"}
UNSET = "as it was\n"

ALWAYS = {
    # For our reading alone: the interfaces and the module are there in time.
    "/usr/lib/udev/rules.d/99-systemd.rules": (
        'ACTION=="add", SUBSYSTEM=="net", KERNEL!="lo", RUN+="/usr/lib/systemd/systemd-sysctl '
        '--prefix=/net/ipv4/conf/$name"'
    ),
    "/etc/modules-load.d/bridge.conf": "br_netfilter\n",
}


class PlainHost(RootedHost):
    """A layout with its own /proc/sys of plain files, as nobody has written to them yet."""

    def _below(self, path: str) -> str:
        if path == "/proc/sys" or path.startswith("/proc/sys/"):
            return f"{self.__dict__['root']}/sys{path[len('/proc/sys') :]}"
        return super()._below(path)

    def read(self, path: str) -> Evidence | Unreadable:
        found = super().read(path)
        known = path.startswith("/proc/sys/") and isinstance(found, Evidence)
        return Evidence(path, UNSET) if known else found


def differences(folder: Path, files: dict[str, str]) -> list[str]:
    """Where the real readers leave something else than we compute: nothing, it is hoped."""
    lay(folder, {**files, **ALWAYS})
    # What systemd's unit asks for with LoadCredential=.
    store = ("env", "CREDENTIALS_DIRECTORY=/etc/credstore")
    theirs = {reader: run(folder, reader, True, KEYS, ALIASES, UNSET, store) for reader in Reader}
    host = PlainHost(folder)
    found = next_boot(host, Rules(host, KEYS))
    assert found.reader is Reader.SYSTEMD
    told = []
    for path in KEYS:
        key = Rules(host).setting(path) or ""
        setting = found.setting(key)
        assert setting is not None
        ours = {Reader.SYSTEMD: setting.value, Reader.PROCPS: found.by_hand.get(key, setting.value)}
        for reader, value in ours.items():
            got = plain(UNSET if value is None else str(value))
            real = plain(theirs[reader][path])
            if got != real:
                told.append(f"{key} by {reader.value}: ours {got!r}, theirs {real!r}")
    return told


FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
NAMES = ("10-a.conf", "50-b.conf", "99-sysctl.conf", "Z.conf", ".c.conf", "d.conf~")
WRITTEN = (
    "vm.swappiness",
    "vm/swappiness",
    "kernel.core_pattern",
    "kernel.pid_max",
    "fs.file-max",
    "net.core.somaxconn",
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.forwarding",
    "net/ipv4/conf/all/forwarding",
    "net.ipv4.tcp_rmem",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.conf.eth0/100.rp_filter",
    "net/ipv4/conf/eth0.100/rp_filter",
    "net.ipv4.conf.eth0.100.rp_filter",
    "net.ipv4.conf.*.rp_filter",
    "net.ipv4.conf.eth*.rp_filter",
    "net/ipv4/conf/{all,lo}*/rp_filter",
    "net.ipv4.*",
    "net.*.*",
    "*.swappiness",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-*",
)


def random_layout(rng: random.Random) -> dict[str, str]:
    files = {}
    for _ in range(rng.randrange(1, 6)):
        path = f"{rng.choice(FOLDERS)}/{rng.choice(NAMES)}"
        if rng.random() < 0.1:
            files[path] = rng.choice(("-> /dev/null", "-> /nowhere", "-> ../sysctl.conf"))
            continue
        lines = []
        for _ in range(rng.randrange(1, 6)):
            sign = rng.choice(("", "", "", "-", "# ", " "))
            value = rng.choice(("=1", " = 2", "=3 ", "=4 # x", "=5\t6  7", "", "=", "=|/a b %p"))
            lines.append(sign + rng.choice(WRITTEN) + value)
        files[path] = rng.choice(("\n", "\n", "\r\n")).join(lines)
    if rng.random() < 0.5:
        files["/etc/sysctl.conf"] = f"{rng.choice(WRITTEN)}=8\n"
    return files
