"""A packet was cut in more pieces than Xen's network driver has slots for: it was dropped."""

from __future__ import annotations

from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts.log import LogLine, fits
from ec2rl.facts.trace import Trace
from ec2rl.host import ALERT, Host, Phrase
from ec2rl.model import Statement, Unreadable, say
from ec2rl.record import record, replace

# drivers/net/xen-netfront.c: `frags` up to 3.8, `slots` in 3.10, in 3.16 with the module's name
# before it. From 3.17 to 7.1, as in Red Hat's 3.10, it is told only when asked to debug, and with
# the bytes: the packet is copied and sent.
_ROCKET = (
    r"(?:xen_netfront: )?xennet: skb rides the rocket: (?P<n>\d{1,9}) (?P<unit>slots|frags)"
    r"(?:, (?P<bytes>\d{1,9}) bytes)?\s*"
)
_LARGE = r"(?:xen_netfront: )?xennet: skb->len = (?P<n>\d{1,10}), too big for wire format\s*"


@record(frozen=True)
class Packet:
    """A packet that was too large: its size in `unit`, and whether it was sent all the same."""

    size: int
    unit: str
    copied: bool

    def message(self) -> Statement:
        """Say in how many pieces it was, or how large, and what became of it."""
        words = "a packet {of} {size} {unit} was {became}"
        became = "copied and sent" if self.copied else "dropped"
        of = "of" if self.unit == "bytes" else "in"
        return say(words, of=of, size=self.size, unit=self.unit, became=became)


def parse(line: LogLine, trace: Trace) -> Packet | None:
    """Parse the loss of one packet, or its copy."""

    match = fits(_ROCKET, line.message)
    if match is not None:
        return Packet(int(match["n"]), match["unit"], copied=match["bytes"] is not None)
    match = fits(_LARGE, line.message)
    return Packet(int(match["n"]), "bytes", copied=False) if match else None


def observe(host: Host, seen: Observations[Packet]) -> Observations[Packet]:
    """Look for the driver, as no counter tells of these packets alone.

    A dropped packet is a failure; one that was copied took time and nothing else.
    """
    harmless = say("the packets were copied and sent, none was lost") if _all_copied(seen) else None
    return replace(seen, proof=_no_driver(host), harmless=harmless)


def _all_copied(seen: Observations[Packet]) -> bool:
    return all(event.detail.copied for event in seen.events.this_boot)


def _no_driver(host: Host) -> Statement | None:
    """Why no packet can have met the driver, None where it may be at work.

    Its name on Xen's bus is `vif`, and it registers in a guest of Xen only (xen-netfront.c,
    netif_init); a kernel that does not know Xen has no such bus.  The bus `platform` is always
    there (drivers/base/platform.c): where it is not, not all buses were told.
    """
    buses, drivers = host.names("/sys/bus"), host.names("/sys/bus/xen/drivers")
    if isinstance(buses, Unreadable) or "platform" not in buses:
        return None
    if "xen" in buses and (isinstance(drivers, Unreadable) or "vif" in drivers):
        return None
    return say("Xen's network driver is not at work here (/sys/bus/xen/drivers/vif)")


def advise(seen: Observations[Packet]) -> tuple[Statement, ...]:
    """Advise where packets were dropped."""
    if seen.events.this_boot and _all_copied(seen):
        return ()
    return (
        say(
            "What helps: a kernel from 3.17 on, or an instance type of the Nitro system; until "
            "then: ethtool -K eth0 sg off"
        ),
    )


_WHOLE = (
    "xennet: skb rides the rocket: 1 slots",
    "xen_netfront: xennet: skb rides the rocket: 1 slots",
)
"""One message of each wording: a line that a screen cut is known by its beginning."""
MODULE = kernel_log_module(
    name="xennetrocket",
    title="Xen's network driver drops no fragmented packets",
    domain="net",
    phrases=(
        # What is copied and sent is told to who debugs alone, and is not missed.
        Phrase(b"xennet: skb rides the rocket: ", level=ALERT, messages=_WHOLE),
        Phrase(b", too big for wire format", recent=True, level=ALERT),
    ),
    parse=parse,
    text=DiagnosisText(
        found='Xen network "rides the rocket" messages found',
        none='No Xen network "rides the rocket" messages found.',
        question="Xen's network driver dropped packets",
    ),
    observe=observe,
    advise=advise,
)
