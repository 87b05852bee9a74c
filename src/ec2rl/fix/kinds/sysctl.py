"""A kernel setting below /proc/sys."""

from __future__ import annotations

import os

from ec2rl.facts.change import Item, SysctlItem
from ec2rl.facts.change_items import key_fault, parameter_fault, value_fault
from ec2rl.fix.change import Found
from ec2rl.fix.errors import Refused
from ec2rl.fix.kinds.kind import At
from ec2rl.fix.kinds.value import Value, expect
from ec2rl.fix.machine import Machine
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.remedies import SetSysctl

_BEFORE_SCHEMA_4 = {"net.netfilter.nf_conntrack_buckets": "nf_conntrack/parameters/hashsize"}
"""The one parameter of a module that was written when records did not name theirs."""


class Sysctl(Value):
    """One kernel setting, looked at in the host's own network namespace alone."""

    item: SysctlItem

    def __init__(self, item: SysctlItem, at: At) -> None:
        at.machine.need_the_host()
        super().__init__(item, at)

    @staticmethod
    def plan(change: SetSysctl, machine: Machine) -> Item | None:
        value = " ".join(change.value.split())
        bad = key_fault(change.key) or value_fault(change.key, value)
        bad = bad or parameter_fault(change.parameter)
        if bad:
            raise Refused(bad)
        machine.need_the_host()
        now = expect(change.key, Sysctl.read(machine, change.key), change.before)
        if value_fault(change.key, now):
            raise Refused(f"{change.key} is {now!a}, which could not be put back")
        if now == value:
            return None
        return SysctlItem(change.key, now, value, value, parameter=change.parameter)

    @staticmethod
    def at_path(machine: Machine, target: str) -> str:
        return f"{machine.sysctls}/{target.replace('.', '/')}"

    def by_hand(self) -> str:
        return f"sysctl -w {self.target}={self.item.asked}"

    def open(self) -> int:
        """Open the setting, or the module's parameter where the kernel lets only that be written.

        Before Linux 4.9 some settings of modules are so.
        """
        try:
            return super().open()
        except PermissionError:
            parameter = self.item.parameter or _BEFORE_SCHEMA_4.get(self.target, "")
            if not parameter:
                raise
            path = f"{self.at.machine.modules}/{parameter}"
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)

    def moved(self, to: Found) -> None:
        """Note where the kernel's log ends by now."""
        end = self.at.machine.log_end()
        item = self.item
        after = to is Found.AFTER
        self.item = replace(item, log_end=end) if after else replace(item, log_back=end)
