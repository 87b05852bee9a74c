"""Hosts made of text that are asked what they will be after a reboot."""

from __future__ import annotations

from ec2rl.conntrack.boot.settings import BootSettings, boot_settings
from ec2rl.conntrack.defaults import BUCKETS, MAX, PREFIX
from ec2rl.host.recording import RecordedHost
from ec2rl.next_boot.setting import Setting

RELEASE = "6.1.0-18-amd64"
MODULES = f"/lib/modules/{RELEASE}"

LOADABLE = {
    "/proc/sys/kernel/osrelease": RELEASE,
    "/proc/cmdline": "ro quiet",
    "/proc/meminfo": "MemTotal:        8000000 kB\nHugepagesize:       2048 kB",
    "ls /usr/lib/systemd": "systemd\nsystemd-sysctl",
    f"{MODULES}/modules.builtin": "kernel/fs/ext4/ext4.ko",
    f"{MODULES}/modules.dep": (
        "kernel/net/netfilter/nf_conntrack.ko: kernel/lib/libcrc32c.ko\n"
        "kernel/net/netfilter/nf_nat.ko: kernel/net/netfilter/nf_conntrack.ko\n"
        "kernel/drivers/block/loop.ko:"
    ),
}
BUILT_IN = {**LOADABLE, f"{MODULES}/modules.builtin": "kernel/net/netfilter/nf_conntrack.ko"}
EARLY = {**LOADABLE, "/etc/modules-load.d/conntrack.conf": "nf_conntrack"}
SET = {"/etc/sysctl.d/50.conf": f"{MAX}=500000\n{BUCKETS}=300000"}
LATE = "nf_conntrack is loaded after the sysctl files are read: no such key yet, exit status 0"
DEFAULT = "default of this kernel for 7.6 GiB of memory, max = buckets"


def boot(*parts: dict[str, str]) -> BootSettings:
    looks: dict[str, str] = {}
    for part in parts:
        looks.update(part)
    return boot_settings(RecordedHost(looks))


def get(found: BootSettings, key: str) -> Setting:
    setting = found.setting(key)
    assert setting is not None
    return setting


def values(found: BootSettings) -> dict[str, int | str | None]:
    return {setting.key.removeprefix(PREFIX): setting.value for setting in found.settings}
