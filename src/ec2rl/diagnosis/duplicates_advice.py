"""Which copy is in use, and what to do for the others: take them away, or give them a new id."""

from __future__ import annotations

from ec2rl.invocation import quoted
from ec2rl.model import Command, Statement, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.diagnosis.duplicates import Copies, Seen
    from ec2rl.facts.disks import Disk

_FEW = 3


@record(frozen=True)
class Wording:
    """A diagnosis of one kind of id: `what` it is called; `none` is said where no two share one.

    `anew` are the commands that give a copy a new one, by what `_how` tells, with a note behind
    ` # `; each has places `{path}`, `{disk}` and `{part}`.
    """

    name: str
    what: str
    none: str
    anew: dict[str, str]


def original(seen: Seen, copies: Copies) -> Disk | None:
    """Find the device that is in use by the id: on the folder that goes by it, else any mounted."""
    wanted = ["/" if one.is_root else one.name for one in copies.uses] + ["/"]
    held = [one for one in copies.devices if one.name in seen.folders]
    for folder in wanted:
        for one in held:
            if folder in seen.folders[one.name]:
                return one
    return held[0] if held else None


def others(seen: Seen, copies: Copies) -> list[Disk]:
    """The devices that are to get another id: all but the one in use, or all but the first."""
    kept = original(seen, copies) or copies.devices[0]
    return [one for one in copies.devices if one is not kept]


def advice(seen: Seen, copies: Copies, words: Wording) -> Iterator[Statement]:
    """What to do for the copies: take them away, or give them an id of their own."""
    first = "What helps"
    for disk in others(seen, copies)[:_FEW]:
        volume, kept = seen.volumes.get(disk.name, ""), original(seen, copies)
        if volume and (kept is None or volume != seen.volumes.get(kept.name, "")):
            command = Command(f"aws ec2 detach-volume --volume-id {volume}", False, own=False)
            folders = seen.folders.get(disk.name, ())
            template = "{first}: detach the one that is not wanted, if {device} is that: {command}"
            template += " (after umount {folders})" if folders else ""
            device = disk.shown
            yield say(template, first=first, device=device, command=command, folders=folders[:1])
            first = "Or keep both"
        template = words.anew.get(_how(copies, disk), "")
        if template:
            plain, _, note = template.partition(" # ")
            command = Command(_filled(plain, disk), own=False)
            shown = "{first}: {command}" + (" ({note})" if note else "")
            note = _filled(note, disk)
            yield say(shown, first=first, command=command, note=note)
        first = "And"


def _filled(template: str, disk: Disk) -> str:
    whole = quoted(f"/dev/{(disk.of or disk.name).replace('!', '/')}")
    filled = template.replace("{path}", quoted(disk.path)).replace("{disk}", whole)
    return filled.replace("{part}", str(disk.part))


def _how(copies: Copies, disk: Disk) -> str:
    """By what its new id is given: the kind of what it holds, or that of the table it is in."""
    if copies.tag != "PARTUUID":
        return copies.tag if copies.tag == "PARTLABEL" else disk.kind
    return "table gpt" if len(disk.part_uuid) == 36 else "table dos"
