"""What the kernel's command line sets, and what an initial RAM disk may: both before any file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.facts.proc import version
from ec2rl.facts.sysctl_conf import Assignment
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.load import CMDLINE

_ALIASES = {
    "hardlockup_all_cpu_backtrace": "kernel/hardlockup_all_cpu_backtrace",
    "hung_task_panic": "kernel/hung_task_panic",
    "numa_zonelist_order": "vm/numa_zonelist_order",
    "softlockup_all_cpu_backtrace": "kernel/softlockup_all_cpu_backtrace",
    "softlockup_panic": "kernel/softlockup_panic",
}
"""Older words of the command line for keys (sysctl_aliases in fs/proc/proc_sysctl.c, 5.8)."""

_MAKERS = ("/usr/lib/dracut/modules.d", "/usr/lib/initcpio/install")
"""Who makes initial RAM disks that can hold systemd-sysctl, and files for it."""


class CommandLine:
    """The keys that the kernel sets itself, right before it starts init, in this order.

    `sysctl.KEY=VALUE`, since Linux 5.8 (do_sysctl_args() in fs/proc/proc_sysctl.c): every dot of
    the key separates, an empty value sets nothing, and what follows `--` is init's.
    """

    def __init__(self, host: Host, release: str | None) -> None:
        line = host.read(CMDLINE)
        self.unread = line if isinstance(line, Unreadable) else None
        known = isinstance(line, Evidence) and (version(release or "") or (5, 8)) >= (5, 8)
        self.items = tuple(_keys(line)) if known and isinstance(line, Evidence) else ()

    def of(self, paths: Sequence[str]) -> Sequence[Assignment]:
        """Give the words that give one of these paths a value."""
        return [item for item in self.items if item.key in paths]


def _keys(line: Evidence) -> Iterator[Assignment]:
    for word in arguments(line.text):
        if word.name == "--":
            break
        key = _ALIASES.get(word.name, "")
        if word.name[:7] in ("sysctl.", "sysctl/"):
            key = word.name[7:].replace(".", "/")
        if key and word.value:
            yield Assignment(line.source, 0, word.text, key, word.value)


def ram_disks(host: Host, release: str | None) -> Iterator[Unreadable]:
    """Yield the initial RAM disks that may set keys which no file sets.

    What is in them is not read.
    """
    if not any(isinstance(host.names(folder), tuple) for folder in _MAKERS):
        return
    names = host.names("/boot")
    if isinstance(names, Unreadable):
        if names.why is not Why.ABSENT:
            yield names
        return
    for name in names:
        if name.startswith(("initrd", "initramfs")) and (release or "") in name:
            what = "an initial RAM disk: its copies of sysctl files may set what no file here does"
            yield Unreadable(f"/boot/{name}", Why.PARTIAL, what)
