"""Whether a key is there when the sysctl files are read, and what happens if it is not."""

from __future__ import annotations

from ec2rl.model import Evidence, Unreadable
from ec2rl.next_boot.module import Module, When
from ec2rl.next_boot.udev import Reapplied, RunRules, interface_rule, module_rule
from ec2rl.record import record

MODULES = (
    ("net/bridge/", "br_netfilter"),
    ("net/ipv4/vs/", "ip_vs"),
    ("net/mpls/", "mpls_router"),
    ("net/rds/", "rds"),
    ("net/sctp/", "sctp"),
    ("sunrpc/", "sunrpc"),
)
"""Keys that come with a module which nothing loads by itself early in the boot."""

_SHARED = ("all", "default", "lo")
"""Names in the folders of interfaces that are there from the start."""


@record(frozen=True)
class Presence:
    """When keys come into being.

    `lost` says why a line does nothing where they come LATE, `unsure` why it is not known where
    that is UNKNOWN; `install` is a command that modprobe runs in place of loading the module,
    `again` a udev rule that runs something when the key comes, or what of udev was not read.
    """

    when: When
    lost: str
    unsure: str = ""
    install: Evidence | None = None
    again: Reapplied | Unreadable | None = None
    module: str = ""


def of_module(module: Module, udev: RunRules) -> Presence:
    """Give the presence of the keys that a module brings."""
    late = module.when in (When.LATE, When.UNKNOWN)
    unsure = "when the module is loaded is not known"
    if module.evidence is not None:
        unsure = (
            f"whether the initial RAM disk was made since {module.evidence.source} has it load "
        )
        unsure += f"{module.name} is not known"
    return Presence(
        module.when,
        f"{module.name} is loaded after the sysctl files are read: no such key yet, exit status 0",
        unsure,
        module.install,
        module_rule(udev, module.name) if late else None,
        module.name,
    )


def module_of(path: str) -> str:
    """Give the module that brings a key, "" where the kernel has it or nobody knows."""
    return next((module for start, module in MODULES if path.startswith(start)), "")


def interface_of(path: str) -> str:
    """Give the interface that a key is about, "" for none that comes and goes."""
    parts = path.split("/")
    if len(parts) < 5 or parts[0] != "net" or parts[1] not in ("ipv4", "ipv6"):
        return ""
    return parts[3] if parts[2] in ("conf", "neigh") and parts[3] not in _SHARED else ""


def of_interface(interface: str, udev: RunRules) -> Presence | None:
    """Give the presence of an interface's keys; None where udev applies the files when it comes."""
    rule = interface_rule(udev, interface)
    if rule is not None and not isinstance(rule, Unreadable):
        return None
    why = f"{rule} may apply them" if rule else "no udev rule applies the files when it comes"
    unsure = f"whether {interface} is there when the files are read is not known, and {why}"
    lost = f"{interface} comes after the sysctl files are read, and {why}"
    return Presence(When.UNKNOWN, lost, unsure)
