"""Messages of which only the beginning is there: a screen, a pager or a copy cut the line."""

from __future__ import annotations

import re

from ec2rl.forms.mend import bare, undressed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LEAST, _TELLING = 8, 11
"""Letters of a message that are looked for, and that tell it from others where there are as many.
"""
_CUT = r"(?:\.{2,3}|…|>|\s)+\Z"
"""What journalctl and other programs end a line with that they cut, and less -S."""
_NARROWEST, _WIDEST, _ALIKE = 40, 400, 3
"""Characters of a line that a screen cut, and lines that differ and have the same width for that.
"""

# One of each wording, as the modules know them; what stands for a name or a number may be any.
_MESSAGES = (
    "nf_conntrack: nf_conntrack: table full, dropping packet",
    "nf_conntrack: table full, dropping packet.",
    "nf_conntrack: nf_conntrack: table full in netns 1, dropping packet",
    "nf_conntrack: nf_conntrack: expectation table full",
    "ip_conntrack: table full, dropping packet.",
    "ip_conntrack: maximum limit of 1 entries exceeded",
    "neighbour: arp_cache: neighbor table overflow!",
    "neighbour: ndisc_cache: neighbor table overflow!",
    "arp_cache: neighbor table overflow!",
    "ndisc_cache: neighbor table overflow!",
    "IPv4: arp_cache: neighbor table overflow!",
    "IPv6: ndisc_cache: neighbor table overflow!",
    "Neighbour table overflow.",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 1s! [a:1]",
    "NMI watchdog: BUG: soft lockup - CPU#1 stuck for 1s! [a:1]",
    "BUG: soft lockup - CPU#1 stuck for 1s! [a:1]",
    "watchdog: Watchdog detected hard LOCKUP on cpu 1",
    "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
    "Watchdog detected hard LOCKUP on cpu 1",
    "Watchdog CPU:1 Hard LOCKUP",
    "rcu: INFO: rcu_sched self-detected stall on CPU",
    "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
    "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... } 1 jiffies s: 1",
    "INFO: rcu_sched self-detected stall on CPU",
    "INFO: rcu_sched detected stalls on CPUs/tasks:",
    "INFO: task a:1 blocked for more than 1 seconds.",
    "INFO: task a:1 blocked in I/O wait for more than 1 seconds.",
    "BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "BUG: unable to handle page fault for address: ffff888000000000",
    "BUG: unable to handle kernel NULL pointer dereference at 0000000000000010",
    "BUG: unable to handle kernel paging request at ffff888000000000",
    "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010",
    "Unable to handle kernel paging request at virtual address ffff888000000000",
    "kernel BUG at mm/slub.c:1!",
    "Kernel panic - not syncing: Fatal exception",
    "Oops: 0002 [#1] SMP",
    "Internal error: Oops: 96000004 [#1] SMP",
    "general protection fault: 0000 [#1] SMP",
    "divide error: 0000 [#1] SMP",
    "invalid opcode: 0000 [#1] SMP",
    "stack segment: 0000 [#1] SMP",
    "PANIC: double fault, error_code: 0x0",
    "traps: PANIC: double fault, error_code: 0x0",
    "Out of memory: Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB",
    "Out of memory: Kill process 1 (a) score 1 or sacrifice child",
    "Memory cgroup out of memory: Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
    "Memory cgroup out of memory: Kill process 1 (a) score 1 or sacrifice child",
    "Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB",
    "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=a,pid=1,uid=1",
    "xennet: skb rides the rocket: 1 slots",
    "xen_netfront: xennet: skb rides the rocket: 1 slots",
    "serial8250: too much work for irq1",
)  # fmt: skip


def begun(text: str, words: Sequence[str]) -> Iterator[str]:
    """Yield the lines that may begin one of the messages, and have none of its words yet."""
    beginnings = "|".join({re.escape(message[:_LEAST]) for message in _MESSAGES})
    for line in re.findall(rf"(?m)^.*(?:{beginnings}).*$", text):
        if not any(word in line for word in words) and any(_alike(_said(line))):
            yield line


def completed(message: str) -> Iterator[str]:
    """Yield what a message may have been, of which this is the beginning."""
    said = _said(message)
    for whole in _alike(said):
        for at in range(1, len(whole)):
            yield said + whole[at:]


def _said(text: str) -> str:
    return re.sub(_CUT, "", bare(undressed(text)))


def _alike(said: str) -> Iterator[str]:
    if len(said) >= _LEAST:
        yield from (one for one in _MESSAGES if one.startswith(said[:_TELLING]))


def cut_at(lines: Sequence[str]) -> int:
    """Tell at how many characters somebody cut these lines, 0 where nothing tells that.

    An ellipsis stands in no message of the kernel's.  Of lines that differ, several are the longest
    only where they were cut; numbers make no line another one.
    """
    width = max(map(len, lines), default=0)
    if any(line.endswith("…") for line in lines):
        return width
    widest = {re.sub(r"\b[\da-fx]+\b|\d+", "", line): line for line in lines if len(line) == width}
    is_marked = len(widest) > 1 and all(line.endswith((">", "...")) for line in widest.values())
    fits = _NARROWEST <= width <= _WIDEST
    return width if is_marked or (fits and len(widest) >= _ALIKE) else 0
