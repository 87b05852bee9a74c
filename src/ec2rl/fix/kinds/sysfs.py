"""A value below /sys."""

from __future__ import annotations

from ec2rl.facts.change import Item, SysfsItem
from ec2rl.facts.change_items import sysfs_fault
from ec2rl.fix.errors import Refused
from ec2rl.fix.kinds.value import Value
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

    @staticmethod
    def plan(change: SetSysfs, machine: Machine) -> Item | None:
        bad = sysfs_fault(change.path)
        if bad:
            raise Refused(bad)
        now, value = Sysfs.planned(machine, change.path, change)
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
