"""What the kernel prints about connection tracking, and what is only like it.

The wordings are those of ip_conntrack_core.c (2.4, 2.6) and nf_conntrack_core.c: one prefix up to
4.4, two from 4.9 on (`pr_fmt` adds the module's name to a text that has it), and `in netns N` for
other namespaces than the first from 6.17 on. OpenVZ's kernels name the container. Both ends are
anchored: a firewall's log rule can put any words before a kernel line, but adds ` IN=... OUT=...`
behind them.
"""

from __future__ import annotations

from ec2rl.facts.log import fits
from ec2rl.host import WARNING, Phrase
from ec2rl.record import Choice, record


class Kind(Choice):
    """What a line of the kernel's log says."""

    TABLE_FULL = "table full"
    EXPECTATIONS_FULL = "expectation table full"
    NEIGHBOURS_FULL = "neighbour table full"
    SYN_FLOOD = "possible SYN flood"
    SUPPRESSED = "lines suppressed"
    MISSED = "lines missed by the journal"


@record(frozen=True)
class Message:
    """One line understood: `netns` is the namespace's inode, `number` what a suppression counts.

    `container` is the number of OpenVZ's container whose table it is.
    """

    kind: Kind
    netns: int | None = None
    number: int | None = None
    container: int | None = None


_WHOLE = (
    "nf_conntrack: nf_conntrack: table full, dropping packet",
    "nf_conntrack: table full, dropping packet.",
    "nf_conntrack: nf_conntrack: table full in netns 1, dropping packet",
    "nf_conntrack: nf_conntrack: expectation table full",
    "ip_conntrack: table full, dropping packet.",
    "ip_conntrack: maximum limit of 1 entries exceeded",
)
"""One message of each wording: a line that a screen cut is known by its beginning."""
# A suppression is told right behind a line of ours when a flood goes on: in text logs, where each
# phrase is one more pass over GiB, two lines behind each hit are kept for that.
PHRASES = (
    Phrase(b"conntrack: ", after=2, level=WARNING, messages=_WHOLE),
    Phrase(b"s suppressed", recent=True, aside=True),
    Phrase(b"table overflow", recent=True, aside=True),
    Phrase(b"ossible SYN flooding", recent=True, aside=True),
)

_FULL = (
    r"(?:nf_conntrack: ){1,2}table full(?: in netns (?P<netns>\d{1,10}))?, dropping packet\.?\s*"
    r"|ip_conntrack: table full, dropping packet\.?\s*"
    r"|(?:ip|nf)_conntrack: (?:VPS|VE|CT) (?P<ct>\d{1,10}):? table full, dropping packet\.?\s*"
    r"|ip_conntrack: maximum limit of \d{1,10} entries exceeded\s*"
)
_EXPECTATIONS = r"(?:nf_conntrack: ){1,2}expectation table full\s*"
_SUPPRESSED = (
    r"(?:net_ratelimit|__ratelimit): (?P<n>\d{1,9}) callbacks suppressed\s*"
    r"|printk: (?P<old>\d{1,9}) messages suppressed\.\s*"
)
_NEIGHBOURS = (
    r"(?:(?:neighbour|IPv[46]): )?\w+: neighbor table overflow!\s*|Neighbour table overflow\.\s*"
)
_SYN = r"(?:TCP: )?(?:request_sock_\w+: )?[Pp]ossible SYN flooding on port \S+?\. .*"
_MISSED = r"Missed (?P<n>\d{1,9}) kernel messages\s*"

_PATTERNS = (
    (Kind.TABLE_FULL, "conntrack: table full", _FULL),
    (Kind.TABLE_FULL, "conntrack: maximum limit", _FULL),
    (Kind.TABLE_FULL, " table full, dropping packet", _FULL),
    (Kind.EXPECTATIONS_FULL, "expectation table full", _EXPECTATIONS),
    (Kind.SUPPRESSED, "s suppressed", _SUPPRESSED),
    (Kind.NEIGHBOURS_FULL, "table overflow", _NEIGHBOURS),
    (Kind.SYN_FLOOD, "SYN flooding", _SYN),
    (Kind.MISSED, "Missed ", _MISSED),
)


def understand(message: str) -> Message | None:
    """Recognise a message of the kernel by its whole text; None for anything else."""
    import re

    for kind, words, pattern in _PATTERNS:
        # The words first: each pattern costs more to compile than all else does on a quiet host.
        match = fits(pattern, message, re.ASCII) if words in message else None
        if match is not None:
            found = match.groupdict()
            netns = found.get("netns")
            number = found.get("n") or found.get("old")
            container = found.get("ct")
            return Message(kind, *(int(one) if one else None for one in (netns, number, container)))
    return None
