"""Which settings a fix is to reach, what forbids it, and what it costs."""

from __future__ import annotations

from ec2rl.conntrack.boot.keys import read_value
from ec2rl.conntrack.defaults import BUCKETS, MAX, PREFIX, SLOT
from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.table.cost import SLABS, Cost, ObjectSize, cost_of, object_size
from ec2rl.host import Host
from ec2rl.limits import FullSize, Limit
from ec2rl.model import Evidence, FixRequest
from ec2rl.quantities import grouped, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Before = Mapping[str, "int | None"]


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
        words = "today's limits could not be read: run it as root on the host itself"
        return words if request.now else ""
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


def full_size(
    host: Host, seen: Observations, request: FixRequest, targets: list[Limit], before: Before
) -> FullSize | None:
    """Give what a full table of the wanted size takes; None where its size is left alone.

    `before` is what the limit and the buckets are without the plan.
    """
    changed = [one for one in targets if one.sizes and one.wanted != one.now]
    if not changed:
        return None
    words = ", ".join(f"{one.key}={one.wanted}" for one in changed)
    entry = object_size(host.read(SLABS))
    cost = _cost(entry, _reached(request, targets), before)
    if cost is None:
        return FullSize(words, SLOT * max(one.wanted for one in changed), seen.free)
    return FullSize(f"{words}: a full table", cost.octets, seen.free)


def _reached(request: FixRequest, targets: list[Limit]) -> dict[str, int]:
    return {one.key: one.wanted if request.now else one.lasting for one in targets}


def _cost(entry: ObjectSize, wanted: Mapping[str, int], before: Before) -> Cost | None:
    """Give the cost of a table with such sizes; None where one of them is not known."""
    most, buckets = wanted.get(MAX, before[MAX]), wanted.get(BUCKETS, before[BUCKETS])
    if most is None or buckets is None:
        return None
    return cost_of(most, buckets, entry)


def rounding(request: FixRequest, targets: list[Limit]) -> tuple[str, ...]:
    asked = request.settings.get("buckets")
    made = next((target.wanted for target in targets if target.key == BUCKETS), asked)
    if asked is None or made is None or made == asked:
        return ()
    words = f"{grouped(asked)} buckets become {grouped(made)}"
    return (f"Rounded: the kernel fills whole pages, so {words}",)


def costs(
    host: Host, seen: Observations, request: FixRequest, targets: list[Limit], before: Before
) -> tuple[str, ...]:
    """Say what the memory for it is, and what setting it does; `before` as for `full_size`."""
    wanted = _reached(request, targets)
    if MAX not in wanted and BUCKETS not in wanted:
        return ()
    entry = object_size(host.read(SLABS))
    now, then = _cost(entry, {}, before), _cost(entry, wanted, before)
    lines = ["Memory: what a full table takes cannot be told, as the limit is not known"]
    if then is not None:
        memory = seen.limits.memory
        share = f", {100 * then.octets / memory:,.1f}% of all" if memory else ""
        was = f" (without this {size(now.octets)})" if now is not None and before[MAX] else ""
        lines = [f"Memory: a full table takes {size(then.octets)}{share}{was}; {entry.parts}"]
    if any(target.key == BUCKETS and target.changes_now(request) for target in targets):
        lines.append(
            "Risk: tracking pauses while the entries move to the new hash, for less than a second"
        )
    return tuple(lines)
