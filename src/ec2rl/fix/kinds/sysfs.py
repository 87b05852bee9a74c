"""A value below /sys."""

from __future__ import annotations

from ec2rl.facts.change import Item, SysfsItem
from ec2rl.facts.change_items import sysfs_fault, value_fault
from ec2rl.fix.errors import Refused
from ec2rl.fix.kinds.kind import At
from ec2rl.fix.kinds.value import Value, expect
from ec2rl.fix.machine import Machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.remedies import SetSysfs


class Sysfs(Value):
    """One value below /sys; where the kernel shows "a [b] c", it is b.

    A /sys shows the devices of the network namespace that it was mounted in, so it is looked at in
    the host's own alone, as settings are.
    """

    item: SysfsItem

    def __init__(self, item: SysfsItem, at: At) -> None:
        at.machine.need_the_host()
        super().__init__(item, at)

    @staticmethod
    def plan(change: SetSysfs, machine: Machine) -> Item | None:
        value = " ".join(change.value.split())
        bad = sysfs_fault(change.path) or value_fault(change.path, value)
        if bad:
            raise Refused(bad)
        machine.need_the_host()
        now = expect(change.path, Sysfs.read(machine, change.path), change.before)
        if value_fault(change.path, now):
            raise Refused(f"{change.path} is {now!a}, which could not be put back")
        return None if now == value else SysfsItem(change.path, now, value, value)

    @staticmethod
    def at_path(machine: Machine, target: str) -> str:
        return machine.sysfs + target[len("/sys") :]

    @staticmethod
    def value(text: str) -> str:
        words = text.split()
        chosen = [word[1:-1] for word in words if word[:1] == "[" and word[-1:] == "]"]
        return chosen[0] if len(chosen) == 1 else " ".join(words)

    def by_hand(self) -> str:
        return f"echo {self.item.asked} > {self.target}"
