"""What one pass over the sysctl files makes of each setting, on the kernel that boots."""

from __future__ import annotations

from ec2rl.conntrack.boot.keys import (
    BUCKETS,
    MAX,
    PREFIX,
    Changer,
    is_old_name,
    paths_of,
    read_value,
    setting_of,
)
from ec2rl.conntrack.boot.lines import Lines
from ec2rl.conntrack.boot.module import Module, Start, kernel_release, look, start
from ec2rl.conntrack.defaults import PAGE, PAGE_KEYS, SWITCHES, default_value, version
from ec2rl.facts.sysctl_conf import Assignment
from ec2rl.host import Host
from ec2rl.model import Evidence
from ec2rl.record import record


@record(frozen=True)
class Setting:
    """One setting after boot; `value` None means that it cannot be told, and `because` why not.

    `decided` is the line that decides, or None for a default of the kernel; `losers` are the other
    lines about it, and `spoken_of` says whether any line is, or may be in what was not read;
    `lost` says why these do nothing ("" if they do); `now` is its value today; `changers` change it
    after that.
    """

    key: str
    value: int | None
    because: str
    decided: Evidence | None
    spoken_of: bool = False
    now: int | None = None
    losers: tuple[Evidence, ...] = ()
    lost: str = ""
    warnings: tuple[str, ...] = ()
    changers: tuple[Changer, ...] = ()

    def survives(self) -> bool:
        """Whether what the files say is what will be: not lost, and changed by nobody after."""
        return (
            self.value is not None
            and self.decided is not None
            and not self.lost
            and all(changer.value == self.value for changer in self.changers)
        )


@record(frozen=True)
class Kernel:
    """The kernel that boots, and what is known of its keys before any file is read."""

    release: str | None
    start: Start
    module: Module
    existing: tuple[str, ...]
    """Paths below /proc/sys that patterns can meet."""
    complete: bool
    """Whether `existing` is what the kernel showed, and not what kernels usually have."""


def kernel_of(host: Host) -> Kernel:
    """The kernel that boots, with the module as it comes up."""
    release = kernel_release(host)
    module = look(host, release)
    return Kernel(release, start(host, release, module), module, *_existing(host))


ALWAYS = {f"nf_conntrack_{name}" for name in ("max", "count", "buckets", "generic_timeout")}
"""Where these are, the listing is the kernel's own and whole, not a container's or a record's."""


def _existing(host: Host) -> tuple[tuple[str, ...], bool]:
    names = host.names("/proc/sys/net/netfilter")
    if isinstance(names, tuple) and ALWAYS.issubset(names):
        found = [f"net/netfilter/{name}" for name in names]
        for folder in ("net", "net/ipv4", "net/ipv4/netfilter"):
            more = host.names(f"/proc/sys/{folder}")
            if isinstance(more, tuple):
                found += [f"{folder}/{name}" for name in more if "conntrack" in name]
        # Another network namespace than the first does not show the alias.
        return tuple(dict.fromkeys([*found, "net/nf_conntrack_max"])), True
    usual = [path for key in (*PAGE_KEYS, *SWITCHES) for path in paths_of(key)]
    return tuple(usual), False


def settings(kernel: Kernel, lines: Lines) -> dict[str, Setting]:
    """What the files make of each setting of the page, and of each that a line names."""
    named = {setting_of(item.key) for item in lines.items if not item.is_pattern()}
    keys = (*PAGE_KEYS, *sorted(key for key in named if key and key not in PAGE_KEYS))
    return {key: decide(kernel, lines, key) for key in keys}


def decide(kernel: Kernel, lines: Lines, key: str) -> Setting:
    value, because, decided = initial(kernel, key)
    winner: Assignment | None = None
    warnings: list[str] = []
    for path, item in lines.writes:
        if setting_of(path) != key or not _exists(kernel, path):
            continue
        page = kernel.start.page or PAGE
        reading = read_value(key, item.value or "", kernel.release, page)
        place = item.evidence()
        if reading.refused:
            warnings.append(f"{place.source}: {place.text!r} is refused: {reading.note}")
            continue
        winner, value, decided = item, reading.value, place
        because = reading.note if value is None else lines.reader.value
        if reading.note:
            warnings.append(f"{place.source}: {reading.note}")
    blind = lines.blind(winner)
    if blind is not None:
        value, because = None, f"{blind} may decide"
    about = lines.about(key)
    losers = tuple(place for place in about if place != decided)
    spoken_of = bool(about or lines.unread)
    return Setting(key, value, because, decided, spoken_of, None, losers, "", tuple(warnings))


def _exists(kernel: Kernel, path: str) -> bool:
    if kernel.complete:
        return path in kernel.existing
    found = version(kernel.release or "")
    return not is_old_name(path) or (found is not None and found < (4, 9))


def initial(kernel: Kernel, key: str) -> tuple[int | None, str, Evidence | None]:
    """A setting before any sysctl file: the value, why, and the line that decides."""
    first = kernel.start
    if key in (MAX, BUCKETS):
        value = None
        if first.sizes is not None:
            value = first.sizes.max if key == MAX else first.sizes.buckets
        given = first.evidence if kernel.module.given else None
        return value, first.because, given
    parameter = {f"{PREFIX}acct": "acct", f"{PREFIX}timestamp": "tstamp"}.get(key)
    for option in reversed(kernel.module.given):
        if option.name == parameter:
            text = option.value[:1].lower()
            value = 1 if text in ("", "1", "y", "t") else 0 if text in ("0", "n", "f") else None
            return value, f"parameter {parameter}", option.given
    value = default_value(key, kernel.release)
    if value is None:
        return None, "the default of this kernel is not known", None
    return value, "default of this kernel", None


def dead_lines(kernel: Kernel, lines: Lines) -> list[str]:
    """Lines about connection tracking that never do anything."""
    dead = [f"{line.path}:{line.line}: no assignment: {line.text!r}" for line in lines.malformed]
    for item in lines.items:
        named = item.value is not None and not item.is_pattern()
        if named and setting_of(item.key) and not _exists(kernel, item.key):
            place = item.evidence()
            dead.append(f"{place.source}: this kernel has no such key: {place.text!r}")
    return dead
