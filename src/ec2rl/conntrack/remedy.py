"""How to give the table room, now and after the next boot: proposed, never done here."""

from __future__ import annotations

from ec2rl.conntrack.boot.files import OURS, BootFiles, boot_files
from ec2rl.conntrack.boot.keys import BUCKETS, MAX, PREFIX, read_value
from ec2rl.conntrack.defaults import TIMEOUTS, round_buckets
from ec2rl.conntrack.seen import Seen
from ec2rl.conntrack.table.recommend import object_size, recommend
from ec2rl.conntrack.tables import number
from ec2rl.host import Host
from ec2rl.model import (
    Evidence,
    Proposal,
    Remedy,
    Risk,
    SetSysctl,
    Unreadable,
    Why,
    Wish,
    WriteFile,
)
from ec2rl.record import record

MUCH = 0.25
"""The share of the machine's memory that a full table may take without being forced to it."""

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
    refused = _not_here(host, seen, wish)
    targets = [] if refused else _targets(host, seen, wish)
    refused += [why for target in targets for why in _refusals(target, seen, wish)]
    shown = targets or _targets(host, seen, wish)
    # Where today's size is not known, what was not asked for comes out as 0: no command to give.
    by_hand = tuple(f"sysctl -w {t.key}={t.wanted}" for t in shown if t.wanted)
    if refused or not targets:
        return Proposal(refused=tuple(refused), by_hand=by_hand)
    now = tuple(
        SetSysctl(t.key, str(t.wanted), str(t.now))
        for t in targets
        if t.now is not None and t.now != t.wanted
    )
    files = boot_files(host, {t.key: t.wanted for t in targets})
    changes: tuple[SetSysctl | WriteFile, ...] = ()
    if wish.now:
        changes += now
    if wish.boot:
        changes += files.changes
    if not changes and wish.boot and not files.lasting and (blocked := _blocked(host)):
        return Proposal(refused=(f"no file can be written: {'; '.join(blocked)}",), by_hand=by_hand)
    named = [t.short for t in targets if "timeout" in t.short]
    caveat = "; ".join(
        f"{name}: {_CAUTION.get(name, 'a flow is forgotten sooner')}" for name in named
    )
    remedy = Remedy(
        "Give the connection-tracking table room" if not named else "Set connection tracking",
        changes,
        Risk.RISKY if named or wish.lower else Risk.SAFE,
        caveat,
    )
    return Proposal(
        (remedy,) if changes else (),
        () if wish.risky else _offers(host, wish),
        (),
        (*_costs(host, seen, targets), *(_boot_notes(files, targets) if wish.boot else ())),
        by_hand,
        files.lasting,
    )


def _blocked(host: Host) -> list[str]:
    """What stands where our files would be, and is no file that can be read."""
    answers = map(host.read, OURS)
    return [str(a) for a in answers if isinstance(a, Unreadable) and a.why is not Why.ABSENT]


def _not_here(host: Host, seen: Seen, wish: Wish) -> list[str]:
    """Why these keys cannot be set from here at all."""
    if seen.limits.loaded is False:
        return ["connection tracking is not loaded: there is no table to enlarge"]
    if not wish.now and wish.settings:
        return []  # files alone: those of another machine's volume, say
    if seen.limits.maximum is None or seen.limits.buckets is None:
        return [
            "today's limits could not be read: run it as root on the host itself, or, for another "
            "machine's volume, say the size: --set max=524288"
        ]
    alias = host.read("/proc/sys/net/nf_conntrack_max")
    if not isinstance(alias, Evidence):
        return ["this is not the host's own network namespace: set it on the host"]
    return []


def _targets(host: Host, seen: Seen, wish: Wish) -> list[Target]:
    maximum = seen.limits.maximum or 0
    wanted: dict[str, int] = {}
    if not wish.settings or set(wish.settings) & {"max", "buckets"}:
        most, slots = _sizes(host, seen, wish)
        wanted = {BUCKETS: slots, MAX: most}
        if not maximum and "max" not in wish.settings:
            del wanted[MAX]  # 0 is no limit at all (up to 6.18)
    if wish.risky:
        for offer in _offers(host, wish):
            wanted.update((c.key, int(c.value)) for c in offer.changes if isinstance(c, SetSysctl))
    for name, value in wish.settings.items():
        if name not in ("max", "buckets"):
            wanted[PREFIX + name] = value
    today = {MAX: seen.limits.maximum, BUCKETS: seen.limits.buckets}
    return [Target(key, today.get(key, _now(host, key)), value) for key, value in wanted.items()]


def _now(host: Host, key: str) -> int | None:
    return number(host.read("/proc/sys/" + key.replace(".", "/")))


def _sizes(host: Host, seen: Seen, wish: Wish) -> tuple[int, int]:
    """(max, buckets): as asked; else today's, or as much more as this load needs."""
    maximum, buckets = seen.limits.maximum or 0, seen.limits.buckets or 0
    if "max" in wish.settings:
        most = wish.settings["max"]
    elif "buckets" in wish.settings or not _short(seen):
        most = maximum
    else:
        peak = max((table.count or 0 for table in seen.tables), default=0)
        size = recommend(peak, maximum, buckets, object_size(host.read("/proc/slabinfo")))
        # What was refused is in no count: where packets were lost, at least twice today's.
        most = max(size.max, 2 * maximum, seen.default_maximum or 0)
    if "buckets" in wish.settings:
        return most, round_buckets(wish.settings["buckets"])
    return most, max(buckets, round_buckets(most))


def _short(seen: Seen) -> bool:
    """Whether the table was, or nearly is, too small."""
    fullest = seen.fullest
    fill = None if fullest is None else seen.fill(fullest)
    small = seen.default_maximum is not None and (seen.limits.maximum or 0) < seen.default_maximum
    return bool(seen.times.now.lines or (fill or 0) >= 0.9 or small)


def _refusals(target: Target, seen: Seen, wish: Wish) -> list[str]:
    if target.now is None and wish.now:
        return [f"{target.key} does not exist on this kernel, or could not be read"]
    said = []
    reading = read_value(target.key, str(target.wanted), None)
    if reading.refused:
        said.append(f"{target.key}={target.wanted}: {reading.note}")
    today = target.now or 0
    lower = target.key in (MAX, BUCKETS) and target.wanted < today
    if lower and not wish.lower:
        said.append(
            f"{target.key}={target.wanted} is below today's {today}: it would SHRINK the "
            "table (--allow-lower does it all the same)"
        )
    memory = seen.limits.memory
    if target.key == MAX and memory and not wish.force and target.wanted * 448 > memory * MUCH:
        said.append(
            f"{target.key}={target.wanted}: a full table would take "
            f"{target.wanted * 448 / memory:.0%} of the memory, and the kernel cannot swap it out "
            "(--force does it all the same)"
        )
    return said


def _costs(host: Host, seen: Seen, targets: list[Target]) -> tuple[str, ...]:
    wanted = {target.key: target.wanted for target in targets}
    if MAX not in wanted and BUCKETS not in wanted:
        return ()
    entry = object_size(host.read("/proc/slabinfo"))
    most = wanted.get(MAX, seen.limits.maximum or 0)
    slots = wanted.get(BUCKETS, seen.limits.buckets or 0)
    octets = most * (entry.octets + 128) + slots * 8
    share = f", {octets / seen.limits.memory:.1%} of the memory" if seen.limits.memory else ""
    return (
        f"Memory: at most {octets >> 20} MiB when every entry is used{share} "
        f"({entry.octets} bytes an entry: {entry.source.split(':')[0]}; 128 for its extensions)",
        "Resizing the hash stops connection tracking while the entries move: below a second",
    )


def _boot_notes(files: BootFiles, targets: list[Target]) -> tuple[str, ...]:
    lines = []
    for target in targets:
        setting = files.settings.setting(target.key)
        if setting is None:
            continue
        value = "unknown" if setting.value is None else str(setting.value)
        where = setting.decided.source if setting.decided is not None else "the kernel's default"
        lines.append(f"After a reboot: {target.key} = {value} ({where})")
        if setting.lost:
            lines.append(f"    lost: {setting.lost}")
        for changer in setting.changers:
            what = "resets it" if changer.value is None else f"sets {changer.value}"
            lines.append(f"    then {changer.who} {what} ({changer.evidence.source})")
    return (*lines, *(f"Boot: {warning}" for warning in files.settings.warnings))


def _offers(host: Host, wish: Wish) -> tuple[Remedy, ...]:
    """Shorter timeouts, where today's are longer than the kernel's default: never chosen here."""
    offers = []
    for key, default in TIMEOUTS.items():
        name = key[len(PREFIX) :]
        now = _now(host, key)
        if now is not None and now > default and name not in _CAREFUL and name not in wish.settings:
            offers.append(
                Remedy(
                    f"{key} back to the default: --set {name}={default}",
                    (SetSysctl(key, str(default), str(now)),),
                    Risk.RISKY,
                    "entries that exist keep the time they have",
                )
            )
    return tuple(offers)
