"""How to give the table room, now and after the next boot: proposed, never done here."""

from __future__ import annotations

from ec2rl.conntrack.boot.files import boot_files
from ec2rl.conntrack.boot.keys import BUCKETS, MAX
from ec2rl.conntrack.defaults import PREFIX, TIMEOUTS, round_buckets
from ec2rl.conntrack.reach import Target, costs, not_here, refusals, rounding, too_much
from ec2rl.conntrack.room import Room, is_short, room
from ec2rl.conntrack.seen import Seen
from ec2rl.conntrack.settings import CAUTIONS
from ec2rl.conntrack.tables import number
from ec2rl.facts.kernel_release import version
from ec2rl.host import Host
from ec2rl.model import Evidence, Proposal, Remedy, Risk, SetSysctl, Wish, WriteFile
from ec2rl.next_boot.by_hand import commands
from ec2rl.next_boot.files import BootFiles

_CAREFUL = ("tcp_timeout_close_wait", "tcp_timeout_time_wait")
"""Never offered: only for who names them (the original page: extreme caution)."""


def propose(host: Host, seen: Seen, wish: Wish) -> Proposal:
    """What to change on this host for this wish; what is already so is left out."""
    found = Room(0, 0) if wish.settings else room(host, seen)
    targets = _targets(host, seen, wish, found)
    elsewhere = not_here(host, seen, wish)
    if elsewhere:
        asked = [SetSysctl(t.key, str(t.wanted), str(t.now)) for t in targets if t.wanted]
        return Proposal(refused=(elsewhere,), by_hand=commands(asked, _parameters(host)))
    refused = [why for target in targets for why in refusals(target, wish)]
    refused = refused or too_much(host, seen, wish, targets)
    if refused:
        return Proposal((), _offers(host, seen, wish), tuple(refused))
    changes: tuple[SetSysctl | WriteFile, ...] = ()
    if wish.now:
        parameters = {k: v.removeprefix("/sys/module/") for k, v in _parameters(host).items()}
        changes += tuple(
            SetSysctl(
                target.key,
                str(target.wanted),
                str(target.now),
                parameters.get(target.key, ""),
            )
            for target in targets
            if target.now is not None and target.now != target.wanted
        )
    wanted = {target.key: target.wanted for target in targets}
    files = boot_files(host, wanted, False)
    lasts = changes or wish.settings or is_short(seen) or _forgotten(files, targets)
    if wish.boot and lasts:
        files = boot_files(host, wanted)
        changes += files.changes
    offers = () if wish.risky else _offers(host, seen, wish)
    if not changes:
        fleeting = files.fleeting if wish.boot and lasts else ()
        return Proposal((), offers, fleeting=fleeting)
    notes = (*found.why, *rounding(wish, targets), *costs(host, seen, targets, changes))
    by_hand = commands(changes, _parameters(host))
    remedy = _remedy(seen, changes, targets, wish)
    fleeting = files.fleeting if wish.boot else ("nothing is written for the next boot, as asked",)
    return Proposal((remedy,), offers, (), notes, files.after, by_hand, fleeting)


def _remedy(
    seen: Seen, changes: tuple[SetSysctl | WriteFile, ...], targets: list[Target], wish: Wish
) -> Remedy:
    timeouts = [target for target in targets if "timeout" in target.short]
    lower = [t for t in targets if t not in timeouts and t.wanted < (t.now or 0)]
    cautions = [f"{target.short}: {_caution(target)}" for target in timeouts]
    fullest = max((table.count or 0 for table in seen.tables), default=0)
    for target in lower:
        words = f"{target.short}: the table becomes SMALLER than it is"
        if target.key == MAX and target.wanted < fullest:
            words += f", and holds {fullest} entries: new connections are refused at once"
        cautions.append(words)
    risky = bool(timeouts or lower)
    title = "Give the connection-tracking table room"
    if risky:
        title = "Set connection tracking as asked"
    elif not any(isinstance(change, SetSysctl) for change in changes):
        what = "Set" if wish.settings else "Keep"
        title = f"{what} the size of the connection-tracking table for the next boot"
    return Remedy(title, changes, Risk.RISKY if risky else Risk.SAFE, "; ".join(cautions))


def _caution(target: Target) -> str:
    if not target.wanted:
        return "0 seconds: every flow is forgotten at once, and cut where it needs its entry"
    if target.wanted >= (target.now or 0):
        return "entries stay longer, and the table fills sooner"
    return CAUTIONS.get(target.short, "a flow that pauses for longer is forgotten")


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


def _parameters(host: Host) -> dict[str, str]:
    """What this kernel takes by a module's parameter alone: the number of buckets, up to 4.8."""
    release = host.read("/proc/sys/kernel/osrelease")
    found = version(release.text.strip()) if isinstance(release, Evidence) else None
    if found is None or found >= (4, 9):
        return {}
    return {BUCKETS: "/sys/module/nf_conntrack/parameters/hashsize"}


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
    if fullest is None or not seen.near(fullest) or wish.risky:
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
