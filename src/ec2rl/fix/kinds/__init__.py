"""The kinds of change: one file each, and this, the only place that knows them all.

To add one: its record in `remedies`, its item in `facts.change`, its `Kind` here.
"""

from __future__ import annotations

from ec2rl.facts.change import (
    ArtefactItem,
    FileItem,
    LinesItem,
    LinkItem,
    RenameItem,
    RightsItem,
    SysctlItem,
    SysfsItem,
)
from ec2rl.fix.errors import Refused
from ec2rl.fix.kinds.artefact import Artefact
from ec2rl.fix.kinds.kind import At, Kind, Unmoved
from ec2rl.fix.kinds.lines import FileLines
from ec2rl.fix.kinds.link import Link
from ec2rl.fix.kinds.rename import Renaming
from ec2rl.fix.kinds.rights import Rights
from ec2rl.fix.kinds.sysctl import Sysctl
from ec2rl.fix.kinds.sysfs import Sysfs
from ec2rl.fix.kinds.whole_file import WholeFile
from ec2rl.remedies import (
    EditLines,
    Rebuild,
    Rename,
    SetLink,
    SetRights,
    SetSysctl,
    SetSysfs,
    WriteFile,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.change import Item
    from ec2rl.fix.machine import Machine
    from ec2rl.remedies import Change

_KINDS: tuple[tuple[type[Change], type[Item], type[Kind]], ...] = (
    (SetSysctl, SysctlItem, Sysctl),
    (SetSysfs, SysfsItem, Sysfs),
    (WriteFile, FileItem, WholeFile),
    (EditLines, LinesItem, FileLines),
    (SetRights, RightsItem, Rights),
    (Rename, RenameItem, Renaming),
    (SetLink, LinkItem, Link),
    (Rebuild, ArtefactItem, Artefact),
)
_OF_CHANGE = {change: kind for change, _, kind in _KINDS}
_OF_ITEM = {item: kind for _, item, kind in _KINDS}


def order(change: Change) -> int:
    """Tell when a change is made among others: the lower, the earlier."""
    return _OF_CHANGE[type(change)].order


def plan(change: Change, machine: Machine) -> Item | None:
    """Take the image before a change; None where all is as wished."""
    if change.runs and not machine.runs:
        raise Refused(f"{change.target}: a volume has files only, nothing that runs")
    return _OF_CHANGE[type(change)].plan(change, machine)


def thing(item: Item, at: At) -> Kind:
    """Hold the target of an item, to look at it and move it."""
    if item.runs and not at.machine.runs:
        return Unmoved(item, at)
    return _OF_ITEM[type(item)](item, at)


def left(lower: Item, upper: Item) -> bool:
    """Tell whether a target was left by one change as a later one found it.

    Of two kinds of change of the same target it is taken for granted: an undo looks itself.
    """
    return type(lower) is not type(upper) or _OF_ITEM[type(lower)].left(lower, upper)
