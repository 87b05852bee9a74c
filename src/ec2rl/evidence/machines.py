"""Which files belong together: one machine at one moment, as far as the files themselves say.

What stands in one folder is of one machine unless it contradicts itself; then each folder in it
is.  What is left and still does is taken apart by the names that the files give, and what names
nobody is with nobody: better a machine that tells less than one that never was.
"""

from __future__ import annotations

from ec2rl.evidence.identity import Identity, apart_in_time, contradiction
from ec2rl.evidence.kinds import Kind, Use
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@record(frozen=True)
class Item:
    """A file, or a folder that is a machine; `mark` is the same for the same bytes.

    `packing` is how it was compressed, `index` where it stands among the files, -1 for a folder.
    A file in which several programs printed has `parts`, which count instead of it, and each of
    them the index of that file: `whole`.
    """

    name: str
    kind: Kind
    packing: str = ""
    identity: Identity = Identity()
    mark: str = ""
    index: int = -1
    parts: tuple[Item, ...] = ()
    whole: int = -1

    @property
    def is_known(self) -> bool:
        """Whether it is evidence at all."""
        return self.kind.use not in (Use.NOTHING, Use.LOST)

    @property
    def stands_alone(self) -> bool:
        """Whether it is a whole machine, with which nothing else goes."""
        return self.kind.use in (Use.ARCHIVE, Use.ROOT, Use.RECORDING)

    @property
    def is_named(self) -> bool:
        return self.identity.is_named or self.stands_alone


@record(frozen=True)
class Group:
    """What was given together: files, and folders of such."""

    items: tuple[Item, ...]
    groups: tuple[Group, ...] = ()

    def all(self) -> list[Item]:
        """Give the files in it and in its folders."""
        return [*self.items, *(item for group in self.groups for item in group.all())]


@record(frozen=True)
class Machine:
    """Files of one machine at one moment; `why` says why not more of them are."""

    items: tuple[Item, ...]
    why: str = ""


def clash(one: Item, other: Item) -> str:
    """Say why two files are not to be judged together, "" where nothing says so."""
    if one.stands_alone and other.stands_alone:
        return "each is a machine of its own"
    for whole, part in ((one, other), (other, one)):
        if whole.kind.use is Use.RECORDING:
            return "a recording is all that was looked at"
        if whole.stands_alone and part.kind.use is Use.LOG:
            return f"{whole.name} has logs of its own"
    question = one.kind.key or one.kind.use
    same = question == (other.kind.key or other.kind.use) and one.kind.part == other.kind.part
    if same and one.kind.use is not Use.LOG and one.mark != other.mark:
        return f"each is {one.kind.name}, of another moment or machine"
    if why := contradiction(one.identity, other.identity):
        return why
    are_alike = (one.kind.name == "console") == (other.kind.name == "console")
    if not are_alike or _are_rotated(one.name, other.name):
        return ""
    is_apart = apart_in_time(one.identity, other.identity)
    return "they are of two times, more than a day apart" if is_apart else ""


def _are_rotated(one: str, other: str) -> bool:
    """Whether two names are those of a log and its rotation, or of two rotations of one."""
    import re

    names = {re.sub(r"(?:[.-]\d[\d.-]*)?(?:\.(?:gz|xz|bz2|zst))?\Z", "", it) for it in (one, other)}
    return len(names) == 1


def machines(given: Group) -> list[Machine]:
    """Put together what belongs together, in the order in which it was given."""
    items = given.all()
    found = _first_clash(items)
    if not found:
        return [Machine(tuple(items))] if items else []
    if not given.groups:
        return [Machine(tuple(one), found) for one in _apart(given.items)]
    parts = [
        Machine(one.items, one.why or found)
        for group in (Group(given.items), *given.groups)
        for one in machines(group)
    ]
    return _joined(parts)


def _first_clash(items: Sequence[Item]) -> str:
    for at, one in enumerate(items):
        for before in items[:at]:
            if why := clash(before, one):
                return f"{before.name}, {one.name}: {why}"
    return ""


def _joined(parts: Iterable[Machine]) -> list[Machine]:
    """Put together the parts of one machine in several folders: by its name, and not against it."""
    joined: list[Machine] = []
    for part in parts:
        for at, before in enumerate(joined):
            linked = any(a.identity.is_linked(b.identity) for a in before.items for b in part.items)
            both = (*before.items, *part.items)
            if linked and not _first_clash(both):
                joined[at] = Machine(both, before.why)
                break
        else:
            joined.append(part)
    return joined


def _apart(items: Sequence[Item]) -> list[list[Item]]:
    """Files that contradict each other: by name, and what names nobody by itself."""
    found: list[list[Item]] = []
    for item in items:
        if item.is_named:
            _add(item, found)
    rest = [item for item in items if not item.is_named]
    alone = [item for item in rest if any(clash(item, other) for other in rest if other != item)]
    away = []
    for item in (item for item in rest if item not in alone):
        if len(found) == 1 and not any(clash(item, other) for other in found[0]):
            found[0].append(item)
        else:
            away.append(item)
    return [*found, *([away] if away else []), *([item] for item in alone)]


def _add(item: Item, found: list[list[Item]]) -> None:
    """Put a file that is named to those that it may be with: the only ones, or its own."""
    may = [group for group in found if not any(clash(item, other) for other in group)]
    own = [group for group in may if any(item.identity.is_linked(o.identity) for o in group)]
    if len(own) == 1 or (len(may) == len(found) == 1):
        (own or may)[0].append(item)
    else:
        found.append([item])
