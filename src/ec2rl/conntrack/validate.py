"""Which settings a fix is to reach, what forbids it, and what it costs."""

from __future__ import annotations

from ec2rl import limits
from ec2rl.conntrack.boot.keys import read_value
from ec2rl.conntrack.defaults import BUCKETS, EXTENSION, MAX, PREFIX, memory_for
from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.table.cost import object_size
from ec2rl.host import Host
from ec2rl.limits import Limit
from ec2rl.model import Evidence, FixRequest


def short(target: Limit) -> str:
    """Give the name of a setting as `--set` takes it."""
    return target.key[len(PREFIX) :]


def not_here(host: Host, seen: Observations, request: FixRequest) -> str:
    """Say why these keys cannot be set from here at all, "" if they can."""
    if not request.now and request.settings:
        return ""  # files alone: those of another machine's volume, say
    if seen.limits.loaded is False:
        return "connection tracking is not loaded: there is no table to enlarge"
    if seen.limits.maximum is None or seen.limits.buckets is None:
        return (
            "today's limits could not be read: run it as root on the host itself, or, for another "
            "machine's volume, say the size: --set max=524288"
        )
    alias = host.read("/proc/sys/net/nf_conntrack_max")
    if not isinstance(alias, Evidence):
        words = "this is not the host's own network namespace"
        if request.settings and not set(request.settings) & {"max", "buckets"}:
            return (
                f"{words}, and timeouts are each namespace's own: set them by hand where they count"
            )
        return f"{words}: set it on the host"
    return ""


def refusal(target: Limit) -> str:
    """Say why the kernel, or common sense, does not take a value; "" if they do."""
    if target.key == MAX and not target.wanted:
        return f"{MAX}=0: no limit at all up to Linux 6.18, refused by later ones; give a number"
    reading = read_value(target.key, str(target.wanted), None)
    return f"{target.key}={target.wanted}: {reading.note}" if reading.refused else ""


def too_much(seen: Observations, request: FixRequest, targets: list[Limit]) -> tuple[str, ...]:
    """Say why a full table of this size is no good for this machine's memory."""
    wanted = {one.key: one.wanted for one in targets if one.sizes and one.wanted != one.now}
    cost = memory_for(
        wanted.get(MAX, seen.limits.maximum or 0), wanted.get(BUCKETS, seen.limits.buckets or 0)
    )
    words = ", ".join(f"{key}={value}" for key, value in wanted.items())
    return limits.too_much(targets, request, cost, seen.free, f"{words}: a full table")


def rounding(request: FixRequest, targets: list[Limit]) -> tuple[str, ...]:
    asked = request.settings.get("buckets")
    made = next((target.wanted for target in targets if target.key == BUCKETS), asked)
    if asked is None or made == asked:
        return ()
    return (f"Rounded: the kernel fills whole pages, so {asked} buckets become {made}",)


def costs(
    host: Host, seen: Observations, request: FixRequest, targets: list[Limit]
) -> tuple[str, ...]:
    wanted = {target.key: target.wanted for target in targets}
    if MAX not in wanted and BUCKETS not in wanted:
        return ()
    entry = object_size(host.read("/proc/slabinfo"))
    today = seen.limits.maximum or 0, seen.limits.buckets or 0
    then = wanted.get(MAX, today[0]), wanted.get(BUCKETS, today[1])
    before, after = (memory_for(*sizes, entry.octets + EXTENSION) for sizes in (today, then))
    share = f", {after / seen.limits.memory:.1%} of all" if seen.limits.memory else ""
    now = f" (with today's size {before >> 20} MiB)" if all(today) else ""
    lines = [
        f"Memory: a full table takes {after >> 20} MiB{share}{now}; "
        f"{entry.octets} + {EXTENSION} bytes an entry ({entry.source.split(':')[0]})"
    ]
    if any(target.key == BUCKETS and target.changes_now(request) for target in targets):
        lines.append(
            "Risk: tracking pauses while the entries move to the new hash, for less than a second"
        )
    return tuple(lines)
