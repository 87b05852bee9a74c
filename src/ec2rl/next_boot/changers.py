"""Who changes settings after the sysctl files were applied.

Only what is found on the host is told, with the file and line where it was found.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Unreadable
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.scripts import assigned, scripts
from ec2rl.next_boot.setting import Changer
from ec2rl.next_boot.shell_values import shell_values
from ec2rl.next_boot.tuned import tuned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.next_boot.scripts import Found


def everybody(host: Host, rules: Rules) -> Iterator[Found]:
    """Everybody found who changes a wanted setting after boot, and what could not be read."""
    yield from tuned(host, rules)
    yield from ufw(host, rules)
    yield from scripts(host, rules)


def ufw(host: Host, rules: Rules) -> Iterator[Changer | Unreadable]:
    """Yield the sysctl file of its own that ufw applies when it is enabled."""
    conf = conf_files.text(host, "/etc/ufw/ufw.conf")
    if isinstance(conf, Unreadable):
        yield conf
    if shell_values(conf).get("ENABLED", ("no",))[0].lower() != "yes":
        return
    chosen = shell_values(conf_files.text(host, "/etc/default/ufw")).get("IPT_SYSCTL")
    sysctl = conf_files.text(host, chosen[0] if chosen else "/etc/ufw/sysctl.conf")
    if isinstance(sysctl, Unreadable):
        yield sysctl
    else:
        yield from assigned("ufw", rules, sysctl, "applied when ufw starts")
