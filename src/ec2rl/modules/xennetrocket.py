"""A packet was cut in more pieces than Xen's network driver has slots for: it was dropped."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import find_events
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen
from ec2rl.model import Finding, Unreadable, Verdict
from ec2rl.module import Module, Options
from ec2rl.record import replace

PHRASES = (
    Phrase(b"xennet: skb rides the rocket: "),
    Phrase(b", too big for wire format", recent=True),
)

# drivers/net/xen-netfront.c: `frags` up to 3.8, `slots` in 3.10, in 3.16 with the module's name
# before it. From 3.17 to 7.1, as in Red Hat's 3.10, it is told only when asked to debug, and with
# the bytes: the packet is copied and sent.
_ROCKET = (
    r"(?:xen_netfront: )?xennet: skb rides the rocket: (?P<n>\d{1,9}) (?P<unit>slots|frags)"
    r"(?:, (?P<bytes>\d{1,9}) bytes)?\s*"
)
_LARGE = r"(?:xen_netfront: )?xennet: skb->len = (?P<n>\d{1,10}), too big for wire format\s*"
_COPIED = "copied and sent"

_WORDS = Words(
    name="xennetrocket",
    found='Xen network "rides the rocket" messages found',
    none='No Xen network "rides the rocket" messages found.',
    question="Xen's network driver dropped packets",
)
_ADVICE = (
    "What helps: a kernel from 3.17 on, or an instance type of the Nitro system; until then: "
    "ethtool -K eth0 sg off",
)


def describe(line: LogLine, trace: Trace) -> str | None:
    """One packet: in how many pieces it was, and what became of it."""
    import re

    match = re.fullmatch(_ROCKET, line.message)
    if match is not None:
        became = _COPIED if match["bytes"] else "dropped"
        return f"a packet in {match['n']} {match['unit']} was {became}"
    match = re.fullmatch(_LARGE, line.message)
    return f"a packet of {match['n']} bytes was dropped" if match else None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, as no counter tells of these packets alone, and for the driver."""
    return Seen(log, find_events(log, PHRASES, describe), options.since, proof=_no_driver(host))


def _no_driver(host: Host) -> str:
    """Why no packet can have met the driver, "" where it may be at work.

    Its name on Xen's bus is `vif`, and it registers in a guest of Xen only (xen-netfront.c,
    netif_init); a kernel that does not know Xen has no such bus.  The bus `platform` is always
    there (drivers/base/platform.c): where it is not, not all buses were told.
    """
    buses, drivers = host.names("/sys/bus"), host.names("/sys/bus/xen/drivers")
    if isinstance(buses, Unreadable) or "platform" not in buses:
        return ""
    if "xen" in buses and (isinstance(drivers, Unreadable) or "vif" in drivers):
        return ""
    return "Xen's network driver is not at work here (/sys/bus/xen/drivers/vif)"


def judge(seen: Seen) -> Finding:
    """A dropped packet is a failure; one that was copied took time and nothing else."""
    now = seen.events.now
    if now and all(event.what.endswith(_COPIED) for event in now):
        finding = judge_events(seen, _WORDS)
        return replace(
            finding,
            verdict=Verdict.WARNING,
            summary=f"{finding.summary}; the packets were copied and sent, none was lost",
        )
    return judge_events(seen, replace(_WORDS, advice=_ADVICE))


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Commands that show the same, and the way around it."""
    return (
        "dmesg -T | grep 'rides the rocket'",
        "ethtool -i eth0 | head -1; uname -r",
        "ethtool -k eth0 | grep scatter-gather",
        "ethtool -K eth0 sg off    # until the next boot; costs throughput",
    )


MODULE = Module(
    name="xennetrocket",
    title="Xen's network driver drops no fragmented packets",
    domain="net",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log",
    by_hand=by_hand,
)
