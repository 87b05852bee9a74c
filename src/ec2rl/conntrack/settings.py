"""The settings of connection tracking that a fix can be asked for, and the files that keep them."""

from __future__ import annotations

from ec2rl.conntrack.defaults import PAGE_KEYS, PREFIX
from ec2rl.model import Setting

FILES = ("/etc/sysctl.d/99-zz-ec2rl-conntrack.conf", "/etc/sysctl.d/zzz-ec2rl-conntrack.conf")
"""Names that come behind 99-sysctl.conf, the second behind nearly everything."""

MODULES = "/etc/modules-load.d/ec2rl-conntrack.conf"
OPTIONS = "/etc/modprobe.d/ec2rl-conntrack.conf"

CAUTIONS = {
    "tcp_timeout_established": "connections that are idle for longer are cut when they speak again",
    "tcp_timeout_close_wait": "extreme caution: half-closed connections that still send are cut",
    "tcp_timeout_time_wait": "extreme caution: late packets of old connections may open new ones",
}
_SHORT = tuple(key[len(PREFIX) :] for key in PAGE_KEYS)
SETTINGS = tuple(
    Setting(name, PREFIX + name, CAUTIONS.get(name, ""), "timeout" in name) for name in _SHORT
)
