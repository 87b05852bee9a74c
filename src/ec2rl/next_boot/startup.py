"""Where the commands stand that a host runs as it starts, whoever runs them.

rc.local, cloud-init, OpenRC's and SysV's scripts, the hooks of those who bring interfaces up, cron,
the services of systemd, and what udev runs. Nothing is run, and whether it will be is not computed.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.cron import cron_lines
from ec2rl.next_boot.ifupdown import interface_lines
from ec2rl.next_boot.init_system import RUNLEVELS, Init, init_system
from ec2rl.next_boot.udev import run_rules
from ec2rl.next_boot.units import Service, command_of, services
from ec2rl.record import record

MAX_FILES = 500
"""Names of one folder that are looked at."""

_SCRIPTS = (
    (
        "rc.local",
        (
            "/etc/rc.local",
            "/etc/rc.d/rc.local",
            "/etc/init.d/boot.local",
            "/etc/init.d/after.local",
            "/etc/conf.d/local",
        ),
    ),
    (
        "cloud-init",
        (
            "/etc/cloud/cloud.cfg",
            "/var/lib/cloud/instance/cloud-config.txt",
            "/var/lib/cloud/instance/user-data.txt",
            "/var/lib/cloud/seed/nocloud/user-data",
            "/var/lib/cloud/seed/nocloud-net/user-data",
        ),
    ),
    ("ifup-local", ("/sbin/ifup-local", "/sbin/ifup-pre-local", "/etc/sysconfig/network/if-up.d")),
)
"""Scripts by who runs them; SUSE's are boot.local and after.local, OpenRC's is conf.d/local."""

_HOOKS = (
    ("cloud-init", "/etc/cloud/cloud.cfg.d", ".cfg"),
    ("cloud-init", "/var/lib/cloud/scripts/per-boot", ""),
    ("cloud-init", "/var/lib/cloud/scripts/per-instance", ""),
    ("cloud-init", "/var/lib/cloud/instance/scripts", ""),
    ("OpenRC's local", "/etc/local.d", ".start"),
    ("ifupdown", "/etc/network/if-pre-up.d", None),
    ("ifupdown", "/etc/network/if-up.d", None),
    ("NetworkManager", "/etc/NetworkManager/dispatcher.d", ""),
    ("NetworkManager", "/etc/NetworkManager/dispatcher.d/pre-up.d", ""),
    ("NetworkManager", "/usr/lib/NetworkManager/dispatcher.d", ""),
    ("networkd-dispatcher", "/etc/networkd-dispatcher/configuring.d", ""),
    ("networkd-dispatcher", "/etc/networkd-dispatcher/configured.d", ""),
    ("networkd-dispatcher", "/etc/networkd-dispatcher/carrier.d", ""),
    ("networkd-dispatcher", "/etc/networkd-dispatcher/routable.d", ""),
    ("dhclient", "/etc/dhcp/dhclient-enter-hooks.d", ""),
    ("dhclient", "/etc/dhcp/dhclient-exit-hooks.d", ""),
    ("a static pod", "/etc/kubernetes/manifests", ""),
    ("k3s, by a manifest,", "/var/lib/rancher/k3s/server/manifests", ".yaml"),
    ("rhel-loadmodules", "/etc/sysconfig/modules", ".modules"),
)
"""Folders of scripts: who runs those whose names end so; None: names that run-parts(8) takes."""

_RUN_PARTS = frozenset(string.ascii_letters + string.digits + "_-")

_APPLIERS = ("sysctl", "procps", "procps.sh", "modules", "kmod", "hwdrivers", "networking")
"""Init scripts of those who apply the files and load the modules, which is told elsewhere."""


@record(frozen=True)
class Start:
    """A line that `who` runs: the command in it, whether a shell reads it, and what it knows.

    `note` says when it is run, "" where nothing tells that it is.
    """

    who: str
    line: Evidence
    command: str
    shell: bool = True
    variables: Mapping[str, str] = {}
    note: str = ""

    @property
    def when(self) -> str:
        """Say when it is run."""
        return self.note or "if this line is run"


@record(frozen=True)
class Script:
    """A file of commands, who runs it, and when, as `Start.note` says it."""

    who: str
    text: Evidence
    note: str = ""


def starts(host: Host) -> Iterator[Start | Script | Unreadable]:
    """Yield what is run when a host starts, and what could not be read of it."""
    yield from _scripts(host)
    yield from _init_scripts(host)
    for who, line in interface_lines(host):
        yield (
            line if isinstance(line, Unreadable) else Start(who, line, line.text.partition(" ")[2])
        )
    for found in cron_lines(host):
        if isinstance(found, Unreadable):
            yield found
        else:
            yield Start("cron", found.line, found.command, note=found.note)
    if init_system(host) is not Init.OPENRC:
        yield from _services(host)
    udev = run_rules(host)
    yield from (udev.unread,) if udev.unread else ()
    for rule in udev.rules:
        if "systemd-sysctl" not in rule.runs:
            note = "when udev runs it, as a device comes"
            yield Start("udev", rule.place, rule.runs, shell=False, note=note)


def _scripts(host: Host) -> Iterator[Script | Unreadable]:
    for who, paths in _SCRIPTS:
        for path in paths:
            yield from _script(who, conf_files.text(host, path))
    for who, folder, suffix in _HOOKS:
        for item in conf_files.merged(host, (folder,), suffix or ""):
            name = item.source.rpartition("/")[2]
            if suffix is not None or _RUN_PARTS.issuperset(name):
                yield from _script(who, item)


def _script(who: str, text: Evidence | Unreadable, note: str = "") -> Iterator[Script | Unreadable]:
    if isinstance(text, Evidence):
        yield Script(who, text, note)
    elif text.why is not Why.FAILED:  # a folder or a device of that name: no script
        yield text


def _init_scripts(host: Host) -> Iterator[Script | Unreadable]:
    """The init scripts of OpenRC's run levels, or of SysV's; a host with systemd runs none here."""
    if init_system(host) is Init.SYSTEMD:
        return
    for folder in RUNLEVELS:
        for name in _names(host, folder):
            if name not in _APPLIERS:
                yield from _script(name, conf_files.text(host, f"/etc/init.d/{name}"))
                yield from _script(name, conf_files.text(host, f"/etc/conf.d/{name}"))
    for level in "S235":
        folder = f"/etc/rc{level}.d"
        for name in _names(host, folder):
            if name[:1] == "S" and name[3:] not in _APPLIERS:
                yield from _script(name[3:], conf_files.text(host, f"{folder}/{name}"))


def _names(host: Host, folder: str) -> tuple[str, ...]:
    names = host.names(folder)
    return names[:MAX_FILES] if isinstance(names, tuple) else ()


def _services(host: Host) -> Iterator[Start | Unreadable]:
    for found in services(host):
        if isinstance(found, Service):
            for line in found.lines:
                command = command_of(line)
                yield Start(found.name, line, command, shell=False, variables=found.variables)
        else:
            yield found[1]
