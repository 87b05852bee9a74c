"""Plan limits of the kernel: settings that say how many there may be of something.

General is what may be set, what a full table costs, the files for the next boot, title and risk.
Which limits there are, how large they should be and in what order they are written, a module knows.
"""

from __future__ import annotations

from ec2rl.facts.proc import setting
from ec2rl.host import Host
from ec2rl.model import FixRequest, Proposal, Remedy, Risk, Setting
from ec2rl.next_boot.by_hand import commands
from ec2rl.record import record
from ec2rl.remedies import SetSysctl, WriteFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Callable

    from ec2rl.next_boot.files import BootFiles

MUCH = 0.25
"""The share of the available memory that a full table may take without being forced to it."""


@record(frozen=True)
class Limit:
    """A setting to reach: its value today (None: unknown) and the one that is wanted.

    `sizes` is whether it bounds how many there may be, so that a lower value means less room.
    """

    key: str
    now: int | None
    wanted: int
    sizes: bool = True

    @property
    def grows(self) -> bool:
        return self.sizes and self.wanted > (self.now or 0)

    @property
    def shrinks(self) -> bool:
        return self.sizes and self.wanted < (self.now or 0)

    def changes_now(self, request: FixRequest) -> bool:
        return request.now and self.now is not None and self.now != self.wanted


@record(frozen=True)
class Subject:
    """The words of a plan, and who knows the files that make these settings last.

    `room` and `asked` are titles: of more room, and of what a person has asked for that may do
    harm; `sizes` is what is kept, as "the sizes of the neighbour tables"; `less` is what a lower
    value does.
    """

    room: str
    asked: str
    sizes: str
    less: str
    files: Callable[[Host, Mapping[str, int]], BootFiles]


def own_files(name: str) -> Callable[[Host, Mapping[str, int]], BootFiles]:
    """Make what plans the files of a module for `Subject.files`: `name` is a part of theirs."""

    def files(host: Host, wanted: Mapping[str, int]) -> BootFiles:
        from ec2rl.next_boot.files import Names, boot_files

        last = f"/etc/sysctl.d/99-zz-ec2rl-{name}.conf", f"/etc/sysctl.d/zzz-ec2rl-{name}.conf"
        return boot_files(host, dict(sorted(wanted.items())), Names(last))

    return files


def settings_today(host: Host, settings: Sequence[Setting]) -> dict[str, int | None]:
    """Read settings that are one number each, by key; None where that is not known."""
    found = ((one.key, setting(host, one.key)) for one in settings)
    return {key: value if isinstance(value, int) else None for key, value in found}


def settings_asked(settings: Sequence[Setting], request: FixRequest) -> dict[str, int]:
    """Take the values that a person asks for, by key."""
    values = request.settings
    return {one.key: values[one.name] for one in settings if one.name in values}


def refusals(
    subject: Subject,
    limits: Sequence[Limit],
    request: FixRequest,
    refused: Callable[[Limit], str] = lambda _: "",
) -> tuple[str, ...]:
    """Say why these values may not be set; `refused` gives the module's own reason, "" for none."""
    reasons = []
    for limit in limits:
        own = refused(limit)
        if limit.now is None and request.now:
            reasons.append(f"{limit.key} does not exist on this kernel, or could not be read")
        elif own:
            reasons.append(own)
        elif limit.shrinks and not request.lower:
            reasons.append(
                f"{limit.key}={limit.wanted} is below today's {limit.now}: {subject.less} "
                "(--allow-lower does it all the same)"
            )
    return tuple(reasons)


def ladder_order(
    keys: Sequence[str], wanted: Mapping[str, int], today: Mapping[str, int | None]
) -> list[str]:
    """Order the writing of settings of which none may be above the next, at any moment of it.

    What grows is written from the last down, then what shrinks from the first up.
    """
    mine = [key for key in keys if key in wanted]
    shrinks = [key for key in mine if wanted[key] < (today[key] or 0)]
    return [*(key for key in reversed(mine) if key not in shrinks), *shrinks]


def ladder_faults(
    keys: Sequence[str], wanted: Mapping[str, int], today: Mapping[str, int | None]
) -> Iterator[str]:
    """Say which of such settings a plan would put above the next one."""
    then = {**today, **wanted}
    for low, high in zip(keys, keys[1:]):
        small, large = then[low], then[high]
        changed = (small, large) != (today[low], today[high])
        if changed and small is not None and large is not None and small > large:
            yield f"{low}={small} is above {high}={large}: set them together"


def in_proportion(
    keys: Sequence[str], today: Mapping[str, int | None], defaults: Sequence[int], largest: int
) -> dict[str, int]:
    """Give such settings their values below the `largest`, the last one's, as they are today.

    The `defaults` tell the proportions where today's are not all known.
    """
    now = [today[key] or 0 for key in keys]
    shares = now if all(now) else defaults
    return {key: min(largest, n * largest // shares[-1]) for key, n in zip(keys, shares)}


def too_much(
    limits: Sequence[Limit], request: FixRequest, octets: int, memory: int | None, what: str
) -> tuple[str, ...]:
    """Say why `what`, of so many bytes when it is full, would take too much of the free memory."""
    if not memory or request.force or not any(limit.grows for limit in limits):
        return ()
    if octets <= memory * MUCH:
        return ()
    return (
        f"{what} would take {octets >> 20} MiB, {octets / memory:.0%} of the memory that is "
        f"available; more than {MUCH:.0%} is too much, as the kernel cannot swap it out (--force "
        "does it all the same)",
    )


def propose(
    host: Host,
    request: FixRequest,
    subject: Subject,
    limits: Sequence[Limit],
    *,
    elsewhere: str = "",
    refused: tuple[str, ...] = (),
    lasts: bool = True,
    cautions: Mapping[str, str] = {},
    notes: tuple[str, ...] = (),
    offers: tuple[Remedy, ...] = (),
    parameters: Mapping[str, str] | None = None,
) -> Proposal:
    """Plan these limits in their order, now and for the next boot; what is so already is left out.

    `elsewhere` says why none of them can be set from here, `refused` why these values may not be;
    `lasts` is whether the next boot is to have them; each of `cautions`, by key, makes the plan
    RISKY, and so does a limit that shrinks: where the module has no caution for it, in the words
    of the subject; `parameters` are files that a kernel takes in place of these keys.
    """
    if elsewhere:
        asked = [_set(limit, parameters) for limit in limits if limit.wanted]
        return Proposal(refused=(elsewhere,), by_hand=commands(asked, parameters))
    if refused:
        return Proposal(offered=offers, refused=refused)
    changes: tuple[SetSysctl | WriteFile, ...] = tuple(
        _set(limit, parameters) for limit in limits if limit.changes_now(request)
    )
    not_persistent: tuple[str, ...] = ()
    if not request.boot:
        not_persistent = ("nothing is written for the next boot, as asked",)
    after: tuple[str, ...] = ()
    if request.boot and lasts and limits:
        files = subject.files(host, {limit.key: limit.wanted for limit in limits})
        changes, not_persistent, after = (
            (*changes, *files.changes),
            files.not_persistent,
            files.after,
        )
    if not changes:
        return Proposal(offered=offers, not_persistent=not_persistent if request.boot else ())
    less = {one.key: f"{one.key}: {subject.less}" for one in limits if one.shrinks}
    caveat = "; ".join({**less, **cautions}.values())
    risk = Risk.RISKY if caveat else Risk.SAFE
    remedy = Remedy(_title(subject, request, changes, risk), changes, risk, caveat)
    by_hand = commands(changes, parameters)
    return Proposal((remedy,), offers, (), notes, after, by_hand, not_persistent)


def _set(limit: Limit, parameters: Mapping[str, str] | None) -> SetSysctl:
    parameter = (parameters or {}).get(limit.key, "").removeprefix("/sys/module/")
    return SetSysctl(limit.key, str(limit.wanted), str(limit.now), parameter)


def _title(
    subject: Subject, request: FixRequest, changes: Sequence[SetSysctl | WriteFile], risk: Risk
) -> str:
    if risk is Risk.RISKY:
        return subject.asked
    if any(isinstance(change, SetSysctl) for change in changes):
        return subject.room
    return f"{'Set' if request.settings else 'Keep'} {subject.sizes} for the next boot"
