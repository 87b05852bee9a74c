"""Who changes connection-tracking settings after the sysctl files were applied.

Beside those that may change any setting: kube-proxy, and firewalls that unload the module.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.conntrack.boot.kube_proxy import kube_proxy
from ec2rl.conntrack.boot.rules import ConntrackRules
from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.next_boot.changers import ufw
from ec2rl.next_boot.module import When
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.scripts import scripts
from ec2rl.next_boot.setting import Changer
from ec2rl.next_boot.shell_values import shell_values
from ec2rl.next_boot.tuned import tuned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.next_boot.scripts import Found

ENABLED = (
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/system/basic.target.wants",
    "/etc/systemd/system/sysinit.target.wants",
    "/etc/systemd/system/network-pre.target.wants",
)
LOADERS = (
    "firewalld",
    "iptables",
    "ip6tables",
    "nftables",
    "ufw",
    "docker",
    "containerd",
    "kubelet",
)
"""Services whose rules load nf_conntrack, later than the sysctl files are read."""


def enabled(host: Host, service: str) -> Evidence | None:
    """Give the link that makes systemd start a service at boot."""
    for folder in ENABLED:
        target = host.link(f"{folder}/{service}.service")
        if isinstance(target, str):
            return Evidence(f"{folder}/{service}.service", f"-> {target}")
    return None


def loaders(host: Host) -> tuple[Evidence, ...]:
    """Give the services enabled at boot that bring nf_conntrack into the kernel."""
    found = (enabled(host, service) for service in LOADERS)
    return tuple(link for link in found if link is not None)


def changers(host: Host, rules: Rules) -> Iterator[Found]:
    """Everybody found who changes a setting after boot, and what could not be read of them."""
    yield from kube_proxy(host)
    yield from tuned(host, rules)
    yield from ufw(host, rules)
    if isinstance(rules, ConntrackRules) and rules.nf_conntrack.when is not When.BUILT_IN:
        yield from unloaders(host)
    yield from scripts(host, rules)


def unloaders(host: Host) -> Iterator[Changer | Unreadable]:
    """Firewalls that unload the module when they stop: all settings are lost then."""
    for who, service, path, name in (
        ("firewalld", "firewalld", "/etc/firewalld/firewalld.conf", "CleanupModulesOnExit"),
        (
            "iptables-services",
            "iptables",
            "/etc/sysconfig/iptables-config",
            "IPTABLES_MODULES_UNLOAD",
        ),
    ):
        if enabled(host, service) is None:
            continue
        text = conf_files.text(host, path)
        if isinstance(text, Unreadable):
            yield text
        values = shell_values(text)
        value, place = values.get(name, ("no", Evidence(path, "")))
        if value.lower() in ("yes", "true"):
            again = values.get("IPTABLES_SYSCTL_LOAD_LIST", ("", place))[0]
            note = "unloads the module when it stops or restarts: its defaults come back"
            if again:
                note += f"; then it applies the sysctl lines that match {again}"
            yield Changer(who, "", None, place, note)
