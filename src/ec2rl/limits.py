"""Plan limits of the kernel: settings that say how many there may be of something.

General is what may be set, what a full table costs, the files for the next boot, title and risk.
Which limits there are, how large they should be and in what order they are written, a module knows.
"""

from __future__ import annotations

from ec2rl import quantities
from ec2rl.facts.proc import setting
from ec2rl.facts.sysctl_conf import kernel_int
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
    """A setting to reach: its value today, what the next boot makes of it, and what is wanted.

    `now` is None where it is unknown, or nothing runs (a volume), `then` where the files as they
    are do not tell it: `maybe` is the most that any line of them may give it. `sizes` is whether
    it bounds how many there may be, so that a lower value means less room; `endless` is the value
    that means no bound. `asked` is whether a person gave the value: the next boot keeps what its
    files give it where that is more, and nobody asked.
    """

    key: str
    now: int | None
    wanted: int
    sizes: bool = True
    then: int | None = None
    maybe: int | None = None
    endless: int | None = None
    asked: bool = True

    @property
    def lasting(self) -> int:
        """What the next boot is to have."""
        most = self.maybe if self.then is None else self.then
        if self.asked or not self.sizes or not self._is_below(self.wanted, most):
            return self.wanted
        return self.wanted if most is None else most

    @property
    def before(self) -> int | None:
        """What it is without the plan, today, or where nothing runs at boot; None if unknown."""
        return self.then if self.now is None else self.now

    @property
    def grows(self) -> bool:
        """Whether there will be more room, or there may be."""
        return self.sizes and (self.before is None or self._is_below(self.before, self.wanted))

    @property
    def shrinks(self) -> bool:
        """Whether there is known to be less room, today or after a boot."""
        return self.sizes and bool(self.larger)

    @property
    def larger(self) -> str:
        """What is larger than this value, in words, "" for nothing that is known."""
        if self._is_below(self.wanted, self.now):
            return f"today's {_shown(self.now)}"
        if self._is_below(self.lasting, self.then):
            return f"{_shown(self.then)}, which the next boot has by the files as they are"
        if self.then is None and self._is_below(self.lasting, self.maybe):
            return f"{_shown(self.maybe)}, which the next boot may have by the files as they are"
        return ""

    @property
    def may_shrink(self) -> bool:
        """Whether nobody can tell what it is without the plan: there may be less room."""
        return self.sizes and self.before is None

    def changes_now(self, request: FixRequest) -> bool:
        return request.now and self.now is not None and self.now != self.wanted

    def _is_below(self, value: int, other: int | None) -> bool:
        """Whether a value gives less than another one, as far as that is known."""
        if other is None or value == other or value == self.endless:
            return False
        return value < other or other == self.endless


def _shown(value: int | None) -> str:
    return "unknown" if value is None else quantities.grouped(value)


@record(frozen=True)
class AtBoot:
    """What the next boot makes of a setting: `value` is None where that cannot be told.

    `either` are the values that it may have then, as far as any are known.
    """

    value: int | None = None
    either: tuple[int, ...] = ()

    def most(self, endless: int | None = None) -> int | None:
        """Give the largest of them, None where none is known."""
        if endless in self.either:
            return endless
        return max(self.either, default=None)


UNTOLD = AtBoot()
"""Of a setting that nobody asked about."""


@record(frozen=True)
class FullSize:
    """Bytes that `what` takes when it is full, and bytes of memory to be had (None: unknown)."""

    what: str
    octets: int
    memory: int | None


@record(frozen=True)
class Subject:
    """The words of a plan, and who knows the files that make these settings last.

    `room` and `asked` are titles: of more room, and of what a person has asked for that may do
    harm; `sizes` is what is kept, as "the sizes of the neighbour tables"; `less` is what a lower
    value does. `files` gives those for values by key, and with False none, but what the next boot
    makes of the files as they are.
    """

    room: str
    asked: str
    sizes: str
    less: str
    files: Callable[[Host, Mapping[str, int], bool], BootFiles]


def at_boot(
    host: Host, subject: Subject, keys: Sequence[str], request: FixRequest
) -> dict[str, AtBoot]:
    """Tell what the next boot makes of these keys by the files as they are.

    Nothing where the request leaves the next boot alone.
    """
    if not request.boot or not keys:
        return {}
    files = subject.files(host, dict.fromkeys(keys, 0), False)
    found = {}
    for key in keys:
        end = files.ends_with(key)
        either = tuple(kernel_int(str(one)) for one in files.may_end_with(key))
        value = None if end is None else kernel_int(str(end))
        found[key] = AtBoot(value, tuple(one for one in either if one is not None))
    return found


def reach(
    host: Host,
    subject: Subject,
    request: FixRequest,
    today: Mapping[str, int | None],
    wanted: Mapping[str, int],
) -> list[Limit]:
    """Make the limits that are to have the `wanted` values, in their order.

    Each knows today's value, and what the next boot makes of it by the files as they are.
    """
    then, asked = at_boot(host, subject, [*wanted], request), bool(request.settings)
    return [
        Limit(key, today[key], value, then=end.value, maybe=end.most(), asked=asked)
        for key, value in wanted.items()
        for end in (then.get(key, UNTOLD),)
    ]


def own_files(name: str) -> Callable[[Host, Mapping[str, int], bool], BootFiles]:
    """Make what plans the files of a module for `Subject.files`: `name` is a part of theirs."""

    def files(host: Host, wanted: Mapping[str, int], write: bool) -> BootFiles:
        from ec2rl.next_boot.files import Names, boot_files

        last = f"/etc/sysctl.d/99-zz-ec2rl-{name}.conf", f"/etc/sysctl.d/zzz-ec2rl-{name}.conf"
        return boot_files(host, dict(sorted(wanted.items())), Names(last), write=write)

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
                f"{limit.key}={limit.wanted} is below {limit.larger}: {subject.less} "
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
    before = {key: value for key in mine if (value := today[key]) is not None}
    shrinks = [key for key in mine if key in before and wanted[key] < before[key]]
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
    known = [value for key in keys if (value := today[key])]  # one of 0 has no share
    shares = known if len(known) == len(keys) else defaults
    return {key: min(largest, n * largest // shares[-1]) for key, n in zip(keys, shares)}


def too_much(
    limits: Sequence[Limit], request: FixRequest, size: FullSize | None
) -> tuple[str, ...]:
    """Say why this would take too much of the memory, where that is known."""
    if size is None or request.force or not any(limit.grows for limit in limits):
        return ()
    if size.memory is None or size.octets <= size.memory * MUCH:
        return ()
    share = quantities.percent(size.octets / size.memory) if size.memory else "all and more"
    return (
        f"{size.what} would take {quantities.size(size.octets)}, {share} of the memory that is "
        f"available; more than {MUCH:.0%} is too much, as the kernel cannot swap it out (--force "
        "does it all the same)",
    )


def _cautions(
    subject: Subject,
    limits: Sequence[Limit],
    size: FullSize | None,
    own: Mapping[str, str],
) -> Iterator[str]:
    """Say what is risky: less room, and what nobody can tell of room and memory."""
    less = {
        one.key: f"{one.key}={one.wanted} is below {one.larger}: {subject.less}"
        for one in limits
        if one.shrinks
    }
    yield from {**less, **own}.values()
    if size is not None and size.memory is not None and size.octets > size.memory * MUCH:
        share = quantities.percent(size.octets / size.memory) if size.memory else "all and more"
        if any(limit.grows for limit in limits):
            yield (
                f"{size.what} would take {quantities.size(size.octets)}, {share} of the memory "
                "that is available, and the kernel cannot swap it out: the machine may run out"
            )
    unknown = [
        one.key
        if one.maybe is None
        else f"{one.key} ({_shown(one.maybe)} by a line that may count)"
        for one in limits
        if one.may_shrink
    ]
    if unknown:
        yield (
            f"what {' and '.join(unknown)} would be without this cannot be told: if it is more, "
            f"{subject.less}"
        )
    if size is not None and size.memory is None and any(limit.grows for limit in limits):
        yield (
            f"{size.what} would take {quantities.size(size.octets)}, and whether that is too much "
            "for this machine cannot be told, as its memory is not known"
        )


def propose(
    host: Host,
    request: FixRequest,
    subject: Subject,
    limits: Sequence[Limit],
    *,
    elsewhere: str = "",
    refused: tuple[str, ...] = (),
    size: FullSize | None = None,
    lasts: bool = True,
    cautions: Mapping[str, str] = {},
    notes: tuple[str, ...] = (),
    offers: tuple[Remedy, ...] = (),
    parameters: Mapping[str, str] | None = None,
) -> Proposal:
    """Plan these limits in their order, now and for the next boot; what is so already is left out.

    `elsewhere` says why none of them can be set from here, `refused` why these values may not be,
    as does a `size` that is too much; `lasts` is whether the next boot is to have them; each of
    `cautions`, by key, makes the plan RISKY, and so does a limit that shrinks: where the module has
    no caution for it, in the words of the subject; and what nobody can tell of today's value or of
    the memory. `parameters` are files that a kernel takes in place of these keys.
    """
    refused = refused or too_much(limits, request, size)
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
    maybe: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    if request.boot and lasts and limits:
        files = subject.files(host, {limit.key: limit.lasting for limit in limits}, True)
        changes, after = (*changes, *files.changes), files.after
        not_persistent, maybe = files.not_persistent, files.maybe_persistent
        beside = files.notes
    if not changes:
        fleeting = not_persistent if request.boot else ()
        return Proposal(offered=offers, not_persistent=fleeting, maybe_persistent=maybe)
    caveat = "; ".join(_cautions(subject, limits, size, cautions))
    risk = Risk.RISKY if caveat else Risk.SAFE
    remedy = Remedy(_title(subject, request, changes, risk), changes, risk, caveat)
    by_hand = commands(changes, parameters)
    said = (*beside, *notes)
    return Proposal((remedy,), offers, (), said, after, by_hand, not_persistent, maybe)


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
