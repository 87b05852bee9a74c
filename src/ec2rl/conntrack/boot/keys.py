"""The names of one setting, and which values the kernel takes for it."""

from __future__ import annotations

from ec2rl.conntrack.defaults import BUCKETS, MAX, PAGE, PREFIX, round_buckets
from ec2rl.facts.proc import version
from ec2rl.facts.sysctl_conf import kernel_int
from ec2rl.next_boot.setting import Reading

INT_MAX = (1 << 31) - 1

_FLAGS = ("acct", "timestamp", "checksum", "tcp_loose", "tcp_be_liberal", "tcp_ignore_invalid_rst")
_BYTES = ("tcp_max_retrans", "log_invalid")


def setting_of(path: str) -> str | None:
    """Name the setting that a path below /proc/sys stands for, by any of its names, be it old."""
    if path in ("net/nf_conntrack_max", "net/ipv4/ip_conntrack_max"):
        return MAX
    folder, _, name = path.rpartition("/")
    if folder == "net/netfilter" and name.startswith("nf_conntrack_"):
        return f"net.netfilter.{name}"
    if folder == "net/ipv4/netfilter" and name.startswith("ip_conntrack_"):
        return PREFIX + name[len("ip_conntrack_") :]
    return None


def is_old_name(path: str) -> bool:
    """Tell whether only kernels before 4.9 with NF_CONNTRACK_PROC_COMPAT have this path."""
    return path.startswith("net/ipv4/")


def paths_of(setting: str) -> tuple[str, ...]:
    """Tell where a setting is found below /proc/sys: its own name, then others, then old ones."""
    own = setting.replace(".", "/")
    old = "net/ipv4/netfilter/ip_conntrack_" + setting[len(PREFIX) :]
    if setting == MAX:
        return own, "net/nf_conntrack_max", "net/ipv4/ip_conntrack_max", old
    return own, old


def read_value(setting: str, text: str, release: str | None, page: int = PAGE) -> Reading:
    """Tell what becomes of a setting when `text` is written to it on a kernel of this release."""
    value = kernel_int(text)
    if value is None:
        return Reading(None, True, "the kernel takes no number from it (EINVAL)")
    kernel = version(release or "")
    name = setting[len(PREFIX) :]
    octal = text.lstrip().lstrip("-")
    note = f"a leading 0 means octal: {value}" if octal[:1] == "0" and octal[1:2].isdigit() else ""
    if name == "count":
        return Reading(None, True, "the kernel's own count: read-only")
    if setting == BUCKETS:
        return _buckets(value, kernel, page, note)
    if setting == MAX:
        return _max(value, kernel, note)
    if "timeout" in name:
        return _timeout(value, note)
    limit = 1 if name in _FLAGS else 255 if name in _BYTES else INT_MAX
    if 0 <= value <= limit:
        return Reading(value, note=note)
    if kernel is not None and kernel >= (6, 1):
        return Reading(None, True, f"out of the range 0 to {limit} (EINVAL)")
    return Reading(None, note=f"whether this kernel takes {value} is not known")


def _max(value: int, kernel: tuple[int, int] | None, note: str) -> Reading:
    if value > INT_MAX:
        return Reading(None, True, f"more than {INT_MAX} (EINVAL)")
    if value > 0:
        return Reading(value, note=note)
    if kernel is None or (value < 0 and kernel < (6, 1)):
        return Reading(None, note=f"whether this kernel takes {value} is not known")
    if value < 0 or kernel >= (6, 19):
        return Reading(None, True, "out of the kernel's range (EINVAL)")
    return Reading(0, note="0 means no limit")


def _buckets(value: int, kernel: tuple[int, int] | None, page: int, note: str) -> Reading:
    if kernel is not None and kernel < (4, 9):
        return Reading(None, True, "read-only before Linux 4.9: only hashsize sets it")
    if value <= 0 or value >= 1 << 28:
        return Reading(None, True, "out of the kernel's range (EINVAL or ENOMEM)")
    if kernel is None:
        return Reading(None, note="read-only before Linux 4.9, and this kernel is not known")
    return Reading(round_buckets(value, page), note=note)


def _timeout(value: int, note: str) -> Reading:
    # Kept in ticks, as an int: INT_MAX / HZ seconds, and HZ is 100 to 1000.
    if abs(value) > INT_MAX // 100:
        return Reading(None, True, "more ticks than the kernel counts (EINVAL)")
    if abs(value) > INT_MAX // 1000:
        return Reading(None, note="whether it is refused depends on the kernel's HZ")
    return Reading(value, note="a negative timeout is taken as it is" if value < 0 else note)
