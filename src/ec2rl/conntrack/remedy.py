"""How to give the table room, now and after the next boot: proposed, never done here."""

from __future__ import annotations

from ec2rl.conntrack.boot.files import BootFiles, boot_files
from ec2rl.conntrack.boot.keys import BUCKETS, MAX, PREFIX, read_value
from ec2rl.conntrack.by_hand import commands
from ec2rl.conntrack.defaults import TIMEOUTS, round_buckets, version
from ec2rl.conntrack.room import ENTRY, MUCH, Room, available, is_short, memory_for, room
from ec2rl.conntrack.seen import Seen
from ec2rl.conntrack.table.recommend import object_size
from ec2rl.conntrack.tables import number
from ec2rl.host import Host
from ec2rl.model import Evidence, Proposal, Remedy, Risk, SetSysctl, Wish, WriteFile
from ec2rl.record import record

_CAREFUL = ("tcp_timeout_close_wait", "tcp_timeout_time_wait")
"""Never offered: only for who names them (the original page: extreme caution)."""

_CAUTION = {
    "tcp_timeout_established": "connections that are idle for longer are cut when they speak again",
    "tcp_timeout_close_wait": "extreme caution: half-closed connections that still send are cut",
    "tcp_timeout_time_wait": "extreme caution: late packets of old connections may open new ones",
}


@record(frozen=True)
class Target:
    """A setting to reach: its value today (None: unknown) and the one that is wanted."""

    key: str
    now: int | None
    wanted: int

    @property
    def short(self) -> str:
        return self.key[len(PREFIX) :]


def propose(host: Host, seen: Seen, wish: Wish) -> Proposal:
    """What to change on this host for this wish; what is already so is left out."""
    found = room(host, seen)
    targets = _targets(host, seen, wish, found)
    elsewhere = _not_here(host, seen, wish)
    if elsewhere:
        asked = [SetSysctl(t.key, str(t.wanted), str(t.now)) for t in targets if t.wanted]
        return Proposal(refused=(elsewhere,), by_hand=commands(asked, _old(host)))
    refused = [why for target in targets for why in _refusals(target, wish)]
    refused = refused or _too_much(host, seen, wish, targets)
    if refused:
        return Proposal((), _offers(host, seen, wish), tuple(refused))
    changes: tuple[SetSysctl | WriteFile, ...] = ()
    if wish.now:
        changes += tuple(
            SetSysctl(target.key, str(target.wanted), str(target.now))
            for target in targets
            if target.now is not None and target.now != target.wanted
        )
    files = boot_files(host, {target.key: target.wanted for target in targets}, False)
    if wish.boot and (changes or wish.settings or is_short(seen) or _forgotten(files, targets)):
        files = boot_files(host, files.wanted)
        changes += files.changes
    if not changes:
        return Proposal((), () if wish.risky else _offers(host, seen, wish))
    why = (f"Size: {found.why}",) if found.why and not _sized(wish) else ()
    return Proposal(
        (_remedy(changes, targets, wish),),
        () if wish.risky else _offers(host, seen, wish),
        (),
        (*why, *_rounding(wish, targets), *_costs(host, seen, targets, changes)),
        files.after,
        commands(changes, _old(host)),
        files.fleeting,
    )


def _remedy(
    changes: tuple[SetSysctl | WriteFile, ...], targets: list[Target], wish: Wish
) -> Remedy:
    timeouts = [target for target in targets if "timeout" in target.short]
    caveat = "; ".join(f"{target.short}: {_caution(target)}" for target in timeouts)
    title = "Give the connection-tracking table room"
    if timeouts or wish.lower:
        title = "Set connection tracking as asked"
    elif not any(isinstance(change, SetSysctl) for change in changes):
        title = "Keep the size of the connection-tracking table after a reboot"
    return Remedy(title, changes, Risk.RISKY if timeouts or wish.lower else Risk.SAFE, caveat)


def _caution(target: Target) -> str:
    if not target.wanted:
        return "0 seconds: every flow is forgotten at once, and cut where it needs its entry"
    if target.wanted >= (target.now or 0):
        return "entries stay longer, and the table fills sooner"
    return _CAUTION.get(target.short, "a flow that pauses for longer is forgotten")


def _not_here(host: Host, seen: Seen, wish: Wish) -> str:
    """Why these keys cannot be set from here at all, "" if they can."""
    if not wish.now and wish.settings:
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
        return "this is not the host's own network namespace: set it on the host"
    return ""


def _sized(wish: Wish) -> bool:
    return bool(set(wish.settings) & {"max", "buckets"})


def _targets(host: Host, seen: Seen, wish: Wish, found: Room) -> list[Target]:
    """Buckets before the limit, then the timeouts."""
    asked, buckets = wish.settings, seen.limits.buckets or 0
    wanted: dict[str, int] = {}
    if not asked:
        wanted = {BUCKETS: found.buckets, MAX: found.max}
        if not found.max:  # no limit at all (up to 6.18), or unknown: nothing to hold on to
            wanted = {}
    if "max" in asked:
        wanted = {BUCKETS: max(buckets, round_buckets(asked["max"])), MAX: asked["max"]}
    if "buckets" in asked:
        wanted = {**wanted, BUCKETS: round_buckets(asked["buckets"])}
    if wish.risky:
        for offer in _offers(host, seen, wish):
            wanted.update((c.key, int(c.value)) for c in offer.changes if isinstance(c, SetSysctl))
    for name, value in asked.items():
        if name not in ("max", "buckets"):
            wanted[PREFIX + name] = value
    today = {MAX: seen.limits.maximum, BUCKETS: seen.limits.buckets}
    return [Target(key, today.get(key, _now(host, key)), value) for key, value in wanted.items()]


def _now(host: Host, key: str) -> int | None:
    return number(host.read("/proc/sys/" + key.replace(".", "/")))


def _old(host: Host) -> bool:
    """Whether this kernel takes the number of buckets by its module's parameter alone."""
    release = host.read("/proc/sys/kernel/osrelease")
    found = version(release.text.strip()) if isinstance(release, Evidence) else None
    return found is not None and found < (4, 9)


def _refusals(target: Target, wish: Wish) -> list[str]:
    if target.short == "buckets" and "max" in wish.settings and "buckets" not in wish.settings:
        return []  # follows from max, of which it is said
    if target.now is None and wish.now:
        return [f"{target.key} does not exist on this kernel, or could not be read"]
    if target.key == MAX and not target.wanted:
        return [f"{MAX}=0: no limit at all up to Linux 6.18, refused by later ones; give a number"]
    reading = read_value(target.key, str(target.wanted), None)
    if reading.refused:
        return [f"{target.key}={target.wanted}: {reading.note}"]
    today = target.now or 0
    if target.key in (MAX, BUCKETS) and target.wanted < today and not wish.lower:
        return [
            f"{target.key}={target.wanted} is below today's {today}: it would SHRINK the "
            "table (--allow-lower does it all the same)"
        ]
    return []


def _too_much(host: Host, seen: Seen, wish: Wish, targets: list[Target]) -> list[str]:
    """Why a full table of this size is no good for this machine's memory."""
    wanted = {target.key: target.wanted for target in targets if target.wanted != target.now}
    memory = available(host)
    if not wanted.keys() & {MAX, BUCKETS} or not memory or wish.force:
        return []
    cost = memory_for(
        wanted.get(MAX, seen.limits.maximum or 0), wanted.get(BUCKETS, seen.limits.buckets or 0)
    )
    # What the table holds today is not among what is available.
    memory += max((table.count or 0 for table in seen.tables), default=0) * ENTRY
    if cost <= memory * MUCH:
        return []
    words = ", ".join(f"{key}={value}" for key, value in wanted.items() if key in (MAX, BUCKETS))
    return [
        f"{words}: a full table would take {cost >> 20} MiB, {cost / memory:.0%} of the memory "
        f"that is available; more than {MUCH:.0%} is too much, as the kernel cannot swap it out "
        "(--force does it all the same)"
    ]


def _rounding(wish: Wish, targets: list[Target]) -> tuple[str, ...]:
    asked = wish.settings.get("buckets")
    made = next((target.wanted for target in targets if target.key == BUCKETS), asked)
    if asked is None or made == asked:
        return ()
    return (f"Rounded: the kernel fills whole pages, so {asked} buckets become {made}",)


def _costs(
    host: Host,
    seen: Seen,
    targets: list[Target],
    changes: tuple[SetSysctl | WriteFile, ...],
) -> tuple[str, ...]:
    wanted = {target.key: target.wanted for target in targets}
    if MAX not in wanted and BUCKETS not in wanted:
        return ()
    entry = object_size(host.read("/proc/slabinfo"))
    today = seen.limits.maximum or 0, seen.limits.buckets or 0
    then = wanted.get(MAX, today[0]), wanted.get(BUCKETS, today[1])
    before, after = (memory_for(*sizes, entry.octets + 128) for sizes in (today, then))
    share = f", {after / seen.limits.memory:.1%} of all" if seen.limits.memory else ""
    lines = [
        f"Memory: a full table takes {after >> 20} MiB{share} (with today's size {before >> 20} "
        f"MiB); {entry.octets} + 128 bytes an entry ({entry.source.split(':')[0]})"
    ]
    if any(isinstance(change, SetSysctl) and change.key == BUCKETS for change in changes):
        lines.append(
            "Risk: tracking pauses while the entries move to the new hash, for less than a second"
        )
    return tuple(lines)


def _forgotten(files: BootFiles, targets: list[Target]) -> bool:
    """Whether the next boot ends with other sizes than today's, which nobody asked to change."""
    ends = {target.key: files.ends_with(target.key) for target in targets}
    return any(ends[target.key] not in (None, target.wanted) for target in targets)


def _offers(host: Host, seen: Seen, wish: Wish) -> tuple[Remedy, ...]:
    """What may help as well, and is never chosen here: shorter timeouts, deleting entries.

    Timeouts that are longer today than the kernel's default can be taken by --risky; one below the
    default, and what cannot be taken back, is only spoken of.
    """
    offers = []
    for key, default in TIMEOUTS.items():
        name = key[len(PREFIX) :]
        now = _now(host, key)
        if now is not None and now > default and name not in _CAREFUL and name not in wish.settings:
            offers.append(
                Remedy(
                    f"{key} from {now} back to the default: --set {name}={default}",
                    (SetSysctl(key, str(default), str(now)),),
                    Risk.RISKY,
                    "it may cut connections that pause for longer; entries that exist keep "
                    "the time they have",
                )
            )
    fullest = seen.fullest
    if fullest is None or (seen.fill(fullest) or 0) < 0.9 or wish.risky:
        return tuple(offers)
    inode = fullest.namespace.inode
    where = "" if fullest.namespace.initial or inode is None else f" --netns={inode}"
    return (
        *offers,
        Remedy(
            "delete dead entries now: "
            f"sudo ./ec2rl conntrack free --unreplied{where} (or --idle-over=2h)",
            (),
            Risk.MANUAL,
            "it counts, shows and asks first; it cannot be taken back",
        ),
        Remedy(
            "shorter timeouts: ./ec2rl conntrack whatif says what they would free, and cut",
            (),
            Risk.MANUAL,
            "the defaults are right for most uses; take extreme care with close_wait and time_wait",
        ),
    )
