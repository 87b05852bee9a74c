"""The kernels that the next boot may start, each with its initrd: by the menu, else by /boot."""

from __future__ import annotations

from ec2rl.diagnosis.boot_entry_look import EntryLook, Item, look_at
from ec2rl.host import Host
from ec2rl.host.queries.path_status import Lstat, PathStatus
from ec2rl.model import Statement, Verdict, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_INITRDS = ("/boot/initrd.img-{}", "/boot/initramfs-{}.img", "/boot/initrd-{}")
_MOST = 8


@record(frozen=True)
class Target:
    """A kernel that may be started: `initrds` are paths here, `words` its command line."""

    release: str
    initrds: tuple[str, ...] = ()
    words: str = ""
    title: str = ""
    modified: int = 0


@record(frozen=True)
class Targets:
    """Those of the default entry alone where `is_default`, else all that may be started.

    `why` says why there is none; with `is_none` there is nothing that boots.
    """

    found: tuple[Target, ...] = ()
    is_default: bool = False
    why: Statement | None = None
    is_none: bool = False
    is_denied: bool = False


def read_targets(host: Host) -> Targets:
    """Find which kernels the next boot may start."""
    look = look_at(host)
    taken = look.taken[0] if len(look.taken) == 1 else None
    if taken is not None and taken.item is not None and taken.item.release:
        return Targets((_of(taken.item),), is_default=True)
    items = [one for each in look.taken for one in (each.item, *each.others) if one is not None]
    found = {one.release: _of(one) for one in reversed(items) if one.release}
    if not found:
        found = {one: _named(host, one) for one in _releases(look)}
    if found:
        return Targets(tuple(found.values())[:_MOST])
    return _none(look)


def _of(item: Item) -> Target:
    # Of an entry with two ways that with an initrd counts: the other is tried without one.
    way = max(item.ways, key=lambda one: bool(one.initrds))
    return Target(item.release, way.initrds, way.start.words, item.entry.title, way.modified)


def _releases(look: EntryLook) -> tuple[str, ...]:
    names = (one.partition("-")[2] for one in look.loader.kernels)
    return tuple(one for one in names if one and "rescue" not in one and not one.endswith(".old"))


def _named(host: Host, release: str) -> Target:
    paths = [one.format(release) for one in _INITRDS]
    there = [one for one in paths if isinstance(host.query(Lstat(one)), PathStatus)]
    return Target(release, tuple(there[:1]), title=f"kernel {release}")


def _none(look: EntryLook) -> Targets:
    from ec2rl.model import Why

    if look.loader.unread:
        is_denied = any(one.why is Why.DENIED for one in look.loader.unread)
        return Targets(why=say("{why}", why=look.loader.unread[0]), is_denied=is_denied)
    if look.roots.boot_away:
        return Targets(why=say("{why}", why=look.roots.boot_away))
    if look.taken:
        return Targets(why=say("the release of the kernel that is started is not known"))
    return Targets(is_none=True)


def worst(verdicts: Sequence[Verdict], is_default: bool) -> Verdict:
    """Tell what is so of what will be started: of several, only what is so of all is known."""
    if is_default or len(set(verdicts)) == 1:
        return verdicts[0]
    return Verdict.UNKNOWN
