"""What each connection-tracking setting will be after a reboot, and which line decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ec2rl.conntrack.boot.changers import changers, loaders
from ec2rl.conntrack.boot.rules import ConntrackRules
from ec2rl.facts.sysctl_conf import Reader
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.next_boot.module import Module
from ec2rl.next_boot.overlay import Overlay
from ec2rl.next_boot.setting import Setting
from ec2rl.next_boot.settings import next_boot
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.next_boot.setting import Value


@record(frozen=True)
class BootSettings:
    """A `NextBoot` of all settings, with the module and the services that bring it."""

    settings: tuple[Setting, ...]
    reader: Reader | None
    by_hand: Mapping[str, Value | None]
    warnings: tuple[str, ...]
    unread: tuple[Unreadable, ...]
    module: Module
    loaders: tuple[Evidence, ...]

    def setting(self, key: str) -> Setting | None:
        """Give the setting of this name, such as `net.netfilter.nf_conntrack_max`."""
        return next((setting for setting in self.settings if setting.key == key), None)


def boot_settings(host: Host, asked: Sequence[str] = ()) -> BootSettings:
    """Compute from the files of a host what its next boot makes of each setting.

    Those that stand below /proc/sys at the paths `asked` are told in any case.
    """
    rules = ConntrackRules(host, asked)
    found = next_boot(host, rules, changers)
    return BootSettings(**vars(found), module=rules.nf_conntrack, loaders=loaders(host))


def would_win(host: Host, files: Mapping[str, str | None]) -> BootSettings:
    """Give the same as if these files had these texts (None: as if they were not there)."""
    return boot_settings(Overlay(host, files))
