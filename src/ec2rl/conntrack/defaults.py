"""What the kernel gives a connection-tracking table when nobody asks for anything.

nf_conntrack_init_start() in net/netfilter/nf_conntrack_core.c; 4.4 to 7.2 were read.
"""

from __future__ import annotations

from ec2rl.facts.proc import parse_fields, version
from ec2rl.record import Choice, record

GIB = 1 << 30

PAGE = 4096
"""Bytes, where nothing tells of larger ones (arm64 may have 16 and 64 KiB)."""

OBJECT, EXTENSION, SLOT = 320, 128, 8
"""Bytes of an entry at most (the largest object seen on any kernel), its extensions, a bucket."""

ENTRY = OBJECT + EXTENSION


class Rule(Choice):
    """How a kernel sizes the table; the value is max / buckets, which tells the two apart."""

    X4 = 4
    """To 5.14."""
    X1 = 1
    """Since 5.15 (commit d532bcd0b269): twice 64 Ki buckets per step, and max = buckets."""


HASHSIZE_FACTOR = 8
"""max / buckets where the module parameter hashsize was given, whatever the rule."""


@record(frozen=True)
class Sizes:
    buckets: int
    max: int


def memory_for(entries: int, buckets: int, octets: int = ENTRY) -> int:
    """Give bytes of unswappable kernel memory when every entry, of so many bytes, is used."""
    return entries * octets + buckets * SLOT


def round_buckets(buckets: int, page: int = PAGE) -> int:
    """Up to whole pages of 8-byte slots, as nf_ct_alloc_hashtable() allocates them."""
    slots = page // SLOT
    return -(-buckets // slots) * slots


def default_sizes(memory: int, rule: Rule, page: int = PAGE) -> Sizes:
    """Give the sizes for so many bytes of memory (MemTotal of /proc/meminfo) on a 64-bit kernel."""
    old = rule is Rule.X4
    buckets = max(memory // 16384 // 8, 32 if old else 1024)
    if memory > 4 * GIB:
        buckets = 65536 if old else 262144
    elif memory > GIB:
        buckets = 16384 if old else 65536
    buckets = round_buckets(buckets, page)
    return Sizes(buckets, buckets * rule.value)


LARGEST_DEFAULT = 262144
"""The most that any of these kernels gives `nf_conntrack_max` by itself."""


def hashsize_sizes(hashsize: int, page: int = PAGE) -> Sizes:
    """Give the sizes that the module parameter hashsize gives."""
    buckets = round_buckets(hashsize, page)
    return Sizes(buckets, buckets * HASHSIZE_FACTOR)


def page_size(meminfo: str) -> int | None:
    """Give bytes of a page, told by the huge page of the next level: 8-byte slots fill one page.

    None where default_hugepagesz= or an architecture hides it.
    """
    huge = parse_fields(meminfo).get("Hugepagesize", 0)
    return {2 << 20: 4096, 32 << 20: 16384, 512 << 20: 65536}.get(huge)


def rule(release: str | None, statistics: str | None) -> Rule | None:
    """Tell which rule a kernel has: by what it shows, else by its release; None if neither tells.

    `statistics` is /proc/net/stat/nf_conntrack: its column `delete_list` became `chainlength` in
    the same cycle, and the column comes along where a distribution took the patches back.
    """
    columns = (statistics or "").split("\n")[0].split()
    if "chainlength" in columns:
        return Rule.X1
    if "delete_list" in columns:
        return Rule.X4
    found = version(release or "")
    # Before 4.4 the step at 4 GiB may be there or not.
    if found is None or found < (4, 4):
        return None
    return Rule.X1 if found >= (5, 15) else Rule.X4


PREFIX = "net.netfilter.nf_conntrack_"
MAX = f"{PREFIX}max"
BUCKETS = f"{PREFIX}buckets"
SYSCTL = f"/proc/sys/{PREFIX.replace('.', '/')}"

STEADY_TIMEOUTS = {
    "generic_timeout": 600,
    "icmp_timeout": 30,
    "icmpv6_timeout": 30,
    "tcp_timeout_close": 10,
    "tcp_timeout_close_wait": 60,
    "tcp_timeout_established": 432000,
    "tcp_timeout_fin_wait": 120,
    "tcp_timeout_last_ack": 30,
    "tcp_timeout_max_retrans": 300,
    "tcp_timeout_syn_recv": 60,
    "tcp_timeout_syn_sent": 120,
    "tcp_timeout_time_wait": 120,
    "tcp_timeout_unacknowledged": 300,
    "udp_timeout": 30,
}
"""Seconds, the same from 4.4 to 7.2, by setting without `PREFIX`."""

TIMEOUTS = {f"{PREFIX}{name}": seconds for name, seconds in STEADY_TIMEOUTS.items()}

_STREAM = f"{PREFIX}udp_timeout_stream"

SWITCHES = {
    f"{PREFIX}acct": 0,
    f"{PREFIX}checksum": 1,
    f"{PREFIX}log_invalid": 0,
    f"{PREFIX}tcp_be_liberal": 0,
    f"{PREFIX}tcp_loose": 1,
    f"{PREFIX}tcp_max_retrans": 3,
    f"{PREFIX}timestamp": 0,
}

PAGE_KEYS = (MAX, BUCKETS, *TIMEOUTS, _STREAM)
"""The settings that the module's page speaks of."""


def default_value(key: str, release: str | None) -> int | None:
    """Give the default of a timeout (seconds) or a switch; None if it cannot be told."""
    if key == _STREAM:
        found = version(release or "")
        # 180 up to 4.14 and 120 from 5.10 were read; 4.18 with patches taken back may be either.
        if found is None or (4, 14) < found < (5, 0):
            return None
        return 120 if found >= (5, 0) else 180
    return TIMEOUTS.get(key, SWITCHES.get(key))
