"""An entry as a line of text that `--file` and conntrack(8)'s users can read again."""

from __future__ import annotations

from ec2rl.conntrack.table.entry import (
    GRE,
    SEEN_REPLY,
    Entry,
    Flow,
    address,
    protocol_name,
    shown_flag,
)
from ec2rl.conntrack.table.ranking import joined
from ec2rl.quantities import span


def entry_line(entry: Entry) -> str:
    """Give the form of `conntrack -L -o extended,id`."""
    there, status = entry.original, entry.status
    family = "ipv4     2" if len(there.source) == 4 else "ipv6     10"
    words = [family, f"{protocol_name(there.protocol):8} {there.protocol}"]
    if entry.timeout is not None:
        words.append(str(entry.timeout))
    words += [entry.state] if entry.state else []
    words += [_flow(there, "orig"), *_counted(entry, 0)]
    words += [] if status & SEEN_REPLY else ["[UNREPLIED]"]
    words += [_flow(entry.reply, "reply"), *_counted(entry, 1)]
    words += [flag] if (flag := shown_flag(status)) else []
    words.append(f"mark={entry.mark or 0}")
    words += [f"zone={entry.zone}"] if entry.zone else []
    words += [f"helper={entry.helper}"] if entry.helper else []
    words += [f"use={entry.use}"] if entry.use is not None else []
    words += [f"id={entry.id}"] if entry.id is not None else []
    return " ".join(words)


def entry_short(entry: Entry, idle: int | None) -> str:
    """Tell what a person needs of an entry.

    Who talks to what, in which state, idle for how long.
    """
    there = entry.original
    source = joined(address(there.source), there.source_port)
    service = joined(address(there.destination), there.destination_port)
    state = f" {entry.state}" if entry.state else ""
    quiet = "of unknown idle time" if idle is None else f"idle for {span(idle)}"
    return f"{source} -> {service}/{protocol_name(there.protocol)}{state}, {quiet}"


def _flow(flow: Flow, side: str) -> str:
    words = [f"src={address(flow.source)} dst={address(flow.destination)}"]
    if flow.icmp is not None:
        words.append("type={} code={} id={}".format(*flow.icmp))
    elif flow.source_port is not None and flow.destination_port is not None:
        if flow.protocol == GRE:
            words.append(f"srckey={flow.source_port:#x} dstkey={flow.destination_port:#x}")
        else:
            words.append(f"sport={flow.source_port} dport={flow.destination_port}")
    if flow.zone is not None:
        words.append(f"zone-{side}={flow.zone}")
    return " ".join(words)


def _counted(entry: Entry, side: int) -> list[str]:
    if entry.packets is None or entry.octets is None:
        return []
    return [f"packets={entry.packets[side]} bytes={entry.octets[side]}"]
