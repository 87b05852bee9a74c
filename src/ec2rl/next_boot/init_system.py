"""Which program starts the services of a host: systemd, OpenRC, or scripts of SysV's kind."""

from __future__ import annotations

from enum import Enum

from ec2rl.host import Host
from ec2rl.model import Unreadable, Why


class Init(Enum):
    SYSTEMD = "systemd"
    OPENRC = "OpenRC"
    SYSV = "init scripts"
    UNKNOWN = "not known"


_OPENRC = (("/sbin", "openrc"), ("/usr/sbin", "openrc"), ("/bin", "openrc"), ("/etc", "runlevels"))


RUNLEVELS = ("/etc/runlevels/sysinit", "/etc/runlevels/boot", "/etc/runlevels/default")
"""What OpenRC starts, in this order."""


def in_runlevel(host: Host, service: str) -> bool:
    """Tell whether OpenRC starts a service.

    It is taken to where its run levels cannot be listed.
    """
    levels = [host.names(folder) for folder in RUNLEVELS]
    known = [names for names in levels if isinstance(names, tuple)]
    return not known or any(service in names for names in known)


def init_system(host: Host) -> Init:
    """Tell it from what is installed: systemd-sysctl, else openrc or its run levels."""
    unread = False
    for folder in ("/usr/lib/systemd", "/lib/systemd"):
        names = host.names(folder)
        if isinstance(names, tuple) and "systemd-sysctl" in names:
            return Init.SYSTEMD
        unread |= isinstance(names, Unreadable) and names.why is not Why.ABSENT
    for folder, name in _OPENRC:
        names = host.names(folder)
        if isinstance(names, tuple) and name in names:
            return Init.OPENRC
    return Init.UNKNOWN if unread else Init.SYSV
