"""A kernel setting below /proc/sys."""

from __future__ import annotations

import os

from ec2rl.facts.change import Item, SysctlItem
from ec2rl.facts.change_items import key_fault, parameter_fault
from ec2rl.fix.change import Found
from ec2rl.fix.errors import Refused
from ec2rl.fix.kinds.value import Value
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

    @staticmethod
    def plan(change: SetSysctl, machine: Machine) -> Item | None:
        bad = key_fault(change.key) or parameter_fault(change.parameter)
        if bad:
            raise Refused(bad)
        now, value = Sysctl.planned(machine, change.key, change)
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
            _, *parameter = self.ways()
            if not parameter:
                raise
            return os.open(parameter[0], os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)

    def ways(self) -> tuple[str, ...]:
        parameter = self.item.parameter or _BEFORE_SCHEMA_4.get(self.target, "")
        path = f"{self.at.machine.modules}/{parameter}"
        return (*super().ways(), path) if parameter else super().ways()

    def moved(self, to: Found) -> None:
        """Note where the kernel's log ends by now."""
        end = self.at.machine.log_end()
        item = self.item
        after = to is Found.AFTER
        self.item = replace(item, log_end=end) if after else replace(item, log_back=end)
