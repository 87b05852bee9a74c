"""The boot loader's default entry cannot be started: its kernel, initrd or root is not there."""

from __future__ import annotations

from ec2rl.diagnosis.boot_entry_look import EntryLook, look_at
from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.model import Finding, FixRequest, Proposal
from ec2rl.module import BOOT, Module, Options

NAME = "bootentry"


def read(host: Host, log: KernelLog, options: Options) -> EntryLook:
    """Read the loader's menu, and look at the files of its default entry."""
    return look_at(host)


def judge(seen: EntryLook) -> Finding:
    """Judge by the entry that the next boot takes."""
    from ec2rl.diagnosis.boot_entry_told import judge_entries

    return judge_entries(NAME, seen)


def propose(host: Host, seen: EntryLook, request: FixRequest) -> Proposal:
    """Plan an intact entry as the default."""
    from ec2rl.diagnosis.boot_entry_fix import propose_default

    if not request.boot:
        return Proposal(refused=("the boot loader's default counts at the next boot alone",))
    return propose_default(host, seen)


MODULE = Module(
    name=NAME,
    title="The boot loader's default entry can be started",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, for /boot",
    by_hand=lambda _: ("grub-editenv list", "ls -l /boot"),
    propose=propose,
    rank=BOOT,
)
