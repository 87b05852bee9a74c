"""How to give the table room, now and after the next boot: proposed, never done here."""

from __future__ import annotations

from ec2rl import limits
from ec2rl.conntrack.boot.files import boot_files
from ec2rl.conntrack.defaults import BUCKETS, LARGEST_DEFAULT, MAX, PREFIX, TIMEOUTS, round_buckets
from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.settings import CAUTIONS
from ec2rl.conntrack.size_policy import TableSize, enlarged, is_short, table_size
from ec2rl.conntrack.validate import costs, full_size, not_here, refusal, rounding, short
from ec2rl.facts.proc import number, running_version
from ec2rl.host import Host
from ec2rl.invocation import to_type
from ec2rl.limits import UNTOLD, AtBoot, Limit
from ec2rl.model import FixRequest, Proposal, Remedy, Risk
from ec2rl.quantities import grouped, plural
from ec2rl.remedies import SetSysctl
from ec2rl.report.escape import tied
from ec2rl.report.wording import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_CAREFUL = ("tcp_timeout_close_wait", "tcp_timeout_time_wait")
"""Never offered: only for who names them (the original page: extreme caution)."""


_SUBJECT = limits.Subject(
    room="Give the connection-tracking table room",
    asked="Set connection tracking as asked",
    sizes="the size of the connection-tracking table",
    less="it would SHRINK the table",
    files=boot_files,
)


def propose(host: Host, seen: Observations, request: FixRequest) -> Proposal:
    """Plan what to change on this host for this request; what is already so is left out."""
    names = request.settings.keys() - {"max", "buckets"}
    then = limits.at_boot(host, _SUBJECT, [MAX, BUCKETS, *(PREFIX + n for n in names)], request)
    today = {MAX: seen.limits.maximum, BUCKETS: seen.limits.buckets}
    before = {
        key: then.get(key, UNTOLD).value if value is None else value for key, value in today.items()
    }
    found = _sizes(seen, request, then)
    targets = _targets(host, seen, request, found, then)
    # Buckets that follow from a limit are not told of beside it.
    follows = "max" in request.settings and "buckets" not in request.settings
    told = [target for target in targets if not (follows and target.key == BUCKETS)]
    refused = limits.refusals(_SUBJECT, told, request, refusal)
    return limits.propose(
        host,
        request,
        _SUBJECT,
        targets,
        elsewhere=not_here(host, seen, request),
        refused=refused,
        size=full_size(host, seen, request, targets, before),
        lasts=_lasts(seen, request, found, targets),
        cautions=_cautions(seen, targets),
        notes=(
            *_told(seen, found),
            *rounding(request, targets),
            *costs(host, seen, request, targets, before),
        ),
        offers=() if request.risky else _offers(host, seen, request),
        parameters=_parameters(host),
    )


def _sizes(seen: Observations, request: FixRequest, then: Mapping[str, AtBoot]) -> TableSize:
    """Give the sizes to have; where nothing runs, from the most that the next boot may have.

    There lines that nobody can verify count as well: nothing else tells, and the plan asks.
    """
    if request.settings:
        return TableSize(0, 0)
    if request.now or seen.limits.maximum is not None:
        return table_size(seen)
    end = then.get(MAX, UNTOLD)
    if end.value == 0 or 0 in end.either:  # no limit at all
        return TableSize(0, 0)
    most = end.value or max((LARGEST_DEFAULT, *end.either))
    buckets = then.get(BUCKETS, UNTOLD).value or most
    if not (seen.times.now.lines or seen.times.unverified.lines):
        return TableSize(most, buckets)
    return enlarged(0, most, buckets, lost=True)


def _told(seen: Observations, found: TableSize) -> tuple[str, ...]:
    """How the sizes were found."""
    if found.why is not None and seen.limits.maximum is None:
        return (
            f"Size: twice {grouped(found.max // 2)}, the most that the next boot may have "
            "without this",
        )
    lines = [] if found.why is None else [f"Size: {found.why.value}"]
    if lines and seen.load:
        lines.append(f"Need: {text(seen.load.how)}")
    if found.more:
        lines.append(
            f"More: {tied(f'--set max={found.more}')} has room for all of it; look first whether "
            f"the load is wanted: {tied(to_type('conntrack top'))}"
        )
    return tuple(lines)


def _lasts(seen: Observations, request: FixRequest, found: TableSize, targets: list[Limit]) -> bool:
    """Whether the next boot is to have them: not where nothing is wrong, and it will."""
    if request.settings or is_short(seen) or any(target.changes_now(request) for target in targets):
        return True
    if seen.limits.maximum is None and found.why is not None:
        return True
    return any(target.then not in (None, target.lasting) for target in targets)


def _cautions(seen: Observations, targets: list[Limit]) -> dict[str, str]:
    """What is risky about them by key, each with its setting."""
    fullest = max((table.count or 0 for table in seen.tables), default=0)
    cautions = {
        t.key: f"{short(t)}: {words}" for t in targets if not t.sizes and (words := _caution(t))
    }
    for target in targets:
        if target.shrinks:
            words = f"{short(target)}: the table becomes SMALLER than {target.larger}"
            if target.key == MAX and target.wanted < fullest:
                held = plural(fullest, "entry/entries")
                words += f", and holds {held}: new connections are refused at once"
            cautions[target.key] = words
    return cautions


def _caution(target: Limit) -> str:
    """What a timeout does that is another than without the plan, "" for the same one."""
    if not target.wanted:
        return "0 seconds: every flow is forgotten at once, and cut where it needs its entry"
    known = [one for one in (target.now, target.then) if one is not None]
    longer = "entries stay longer, and the table fills sooner"
    shorter = CAUTIONS.get(short(target), "a flow that pauses for longer is forgotten")
    if not known:
        unknown = "what it would be without this cannot be told"
        return f"{unknown}: if that is shorter, {longer}; if it is longer, {shorter}"
    words = [shorter] if any(target.wanted < one for one in known) else []
    words += [longer] if any(target.wanted > one for one in known) else []
    return "; ".join(words)


def _targets(
    host: Host,
    seen: Observations,
    request: FixRequest,
    found: TableSize,
    then: Mapping[str, AtBoot],
) -> list[Limit]:
    """Buckets before the limit, then the timeouts; `then` is what the next boot makes of them."""
    asked = request.settings
    wanted: dict[str, int] = {}
    if not asked:
        wanted = {BUCKETS: found.buckets, MAX: found.max}
        if not found.max:  # no limit at all (up to 6.18), or unknown: nothing to hold on to
            wanted = {}
    if "max" in asked:
        buckets = round_buckets(asked["max"])
        wanted = {BUCKETS: max(buckets, seen.limits.buckets or buckets), MAX: asked["max"]}
    if "buckets" in asked:
        wanted = {**wanted, BUCKETS: round_buckets(asked["buckets"])}
    if request.risky:
        for offer in _offers(host, seen, request):
            wanted.update((c.key, int(c.value)) for c in offer.changes if isinstance(c, SetSysctl))
    for name, value in asked.items():
        if name not in ("max", "buckets"):
            wanted[PREFIX + name] = value
    today = {MAX: seen.limits.maximum, BUCKETS: seen.limits.buckets}
    return [
        Limit(
            key,
            today[key] if key in today else _now(host, key),
            value,
            sizes="timeout" not in key,
            then=end.value,
            maybe=end.most(endless),
            endless=endless,
            asked=key[len(PREFIX) :] in asked,
        )
        for key, value in wanted.items()
        for end, endless in ((then.get(key, UNTOLD), 0 if key == MAX else None),)
    ]


def _now(host: Host, key: str) -> int | None:
    return number(host, "/proc/sys/" + key.replace(".", "/"))


def _parameters(host: Host) -> dict[str, str]:
    """What this kernel takes by a module's parameter alone: the number of buckets, up to 4.8."""
    found = running_version(host)
    if found is None or found >= (4, 9):
        return {}
    return {BUCKETS: "/sys/module/nf_conntrack/parameters/hashsize"}


def _offers(host: Host, seen: Observations, request: FixRequest) -> tuple[Remedy, ...]:
    """What may help as well, and is never chosen here: shorter timeouts, deleting entries.

    Timeouts that are longer today than the kernel's default can be taken by --risky; one below the
    default, and what cannot be taken back, is only spoken of.
    """
    offers = []
    for key, default in TIMEOUTS.items():
        name = key[len(PREFIX) :]
        now = _now(host, key)
        if (
            now is not None
            and now > default
            and name not in _CAREFUL
            and name not in request.settings
        ):
            offers.append(
                Remedy(
                    f"{key} from {now} back to the default: {tied(f'--set {name}={default}')}",
                    (SetSysctl(key, str(default), str(now)),),
                    Risk.RISKY,
                    "it may cut connections that pause for longer; entries that exist keep "
                    "the time they have",
                )
            )
    worst = next(filter(seen.near, seen.by_loss), None)
    if worst is None or request.risky:
        return tuple(offers)
    inode = worst.namespace.inode
    where = "" if worst.namespace.initial or inode is None else f" --netns={inode}"
    return (
        *offers,
        Remedy(
            "delete dead entries now: "
            f"{tied(to_type(f'conntrack free --unreplied{where}'))} (or --idle-over=2h)",
            (),
            Risk.MANUAL,
            "it counts, shows and asks first; it cannot be taken back",
        ),
        Remedy(
            f"shorter timeouts: {tied(to_type(f'conntrack whatif{where}'))} says what "
            "they would free, and cut",
            (),
            Risk.MANUAL,
            "the defaults are right for most uses; take extreme care with close_wait and time_wait",
        ),
    )
