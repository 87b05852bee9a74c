"""Before a change: what is there now, and whether it is what the proposer saw."""

from __future__ import annotations

import os

from ec2rl.facts.change_format import path_fault, setting_fault
from ec2rl.fix import images, sysctl
from ec2rl.fix.change import FileItem, Image, SysctlItem
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.machine import absent
from ec2rl.model import SetSysctl, Unreadable, WriteFile
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.fix.machine import Machine


def survey(
    changes: Sequence[SetSysctl | WriteFile], machine: Machine
) -> tuple[SysctlItem | FileItem, ...]:
    """Take the images before; Refused or Conflict where they are not what the proposer saw."""
    items: list[SysctlItem | FileItem] = []
    for change in sorted(changes, key=lambda change: isinstance(change, WriteFile)):
        item = (
            _plan_setting(change, machine)
            if isinstance(change, SetSysctl)
            else _plan_file(change, machine)
        )
        if item.before != item.after:
            items.append(item)
    targets = [target(item) for item in items]
    if len(set(targets)) < len(targets):
        raise Refused("two changes of the same target")
    if not items:
        raise Refused("everything is already as wished")
    return tuple(items)


def _plan_setting(change: SetSysctl, machine: Machine) -> SysctlItem:
    if not machine.runs:
        raise Refused(f"{change.key}: a volume has files only, nothing that runs")
    value = " ".join(change.value.split())
    bad = setting_fault(change.key, value)
    if bad:
        raise Refused(bad)
    machine.need_the_host()
    now = sysctl.read(machine, change.key)
    if now is None:
        raise Refused(f"{change.key} does not exist on this kernel, or its module is not loaded")
    if now != " ".join(change.before.split()):
        raise Conflict(f"{change.key} is {now} by now, and was {change.before} when it was planned")
    return SysctlItem(change.key, now, value, sysctl.rounded(change.key, value))


def _plan_file(change: WriteFile, machine: Machine) -> FileItem:
    bad = path_fault(change.path)
    if bad:
        raise Refused(bad)
    try:
        data = change.text.encode()
        seen = None if change.before is None else change.before.encode()
    except UnicodeEncodeError:
        raise Refused(f"{change.path}: the text is no UTF-8") from None
    if len(data) > images.MAX_BYTES:
        raise Refused(f"{change.path}: more than 64 KiB to write")
    folder = seen is None and absent(machine, os.path.dirname(change.path))
    now = None if folder else images.read(machine, change.path)
    if isinstance(now, Unreadable):
        raise Refused(f"{change.path} {now.detail}")
    if now and len(now.data) > images.MAX_BYTES:
        raise Refused(f"{change.path} is larger than 64 KiB")
    if (now and now.data) != seen:
        raise Conflict(f"{change.path} is not as it was when the change was planned")
    after = replace(now, data=data) if now else Image(data, 0o644, os.geteuid(), os.getegid(), None)
    return FileItem(change.path, now, after, folder)


def target(item: SysctlItem | FileItem) -> str:
    return item.key if isinstance(item, SysctlItem) else item.path
