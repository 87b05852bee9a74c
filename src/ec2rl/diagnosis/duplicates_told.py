"""The verdict on devices that share an id, and what to do for these very devices."""

from __future__ import annotations

from ec2rl.diagnosis.duplicates_advice import Wording, advice, original, others
from ec2rl.model import (
    Finding,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    helps,
    more,
    next_step,
    say,
    see_page,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ec2rl.diagnosis.duplicates import Copies, Seen
    from ec2rl.facts.disks import Disk
    from ec2rl.model import Fact

_FEW = 3
_MOST = 32
_QUOTE = 160
MADE_OF = ("LVM2_member", "crypto_LUKS", "linux_raid_member")
"""Kinds that are not mounted themselves, but what is made of them."""


def judge(seen: Seen, words: Wording) -> Finding:
    """Judge by who goes by the id that is shared: a failure only where somebody does."""
    facts = _facts(seen)
    refused = [*_refusals(seen)]
    if not seen.copies:
        return _without(seen, words, refused, facts)
    judged = [(_verdict(seen, one), one) for one in seen.copies]
    judged.sort(key=lambda pair: pair[0] is not Verdict.PROBLEM)
    verdict, worst = judged[0]
    details = [*_about(seen, worst), *refused]
    details += [_summary(seen, one, words, of) for of, one in judged[1:_FEW]]
    details += [more(_summary(seen, one, words, of)) for of, one in judged[_FEW:_MOST]]
    details += [say("Not read: {unread}", unread=one) for one in seen.unread[:_FEW]]
    details += [say("Not read: {unread}", unread=one) for one in seen.uses_unread]
    to_do = [helps(one) for one in advice(seen, worst, words)]
    summary = _summary(seen, worst, words, verdict)
    return Finding(verdict, summary, (*details, *to_do, see_page(words.name)), facts=facts)


def _without(
    seen: Seen, words: Wording, refused: Sequence[Statement], facts: dict[str, Fact]
) -> Finding:
    """Judge where no two devices are known to share an id."""
    ours = [one for one in seen.refused if one.this_boot and one.is_kernels]
    unread = (seen.disks,) if isinstance(seen.disks, Unreadable) else seen.unread
    page = see_page(words.name)
    if ours and isinstance(seen.disks, Unreadable):
        template = "XFS refused to mount {device}, whose UUID another one has"
        how = helps(say("What helps: blkid there tells which device has the same UUID"))
        said = say(template, device=ours[-1].device)
        return Finding(Verdict.PROBLEM, said, (*refused, how, page), facts=facts)
    if ours or (seen.refused and unread):
        template = "XFS refused to mount {device} for its UUID; which other one has it is not known"
        if not unread:
            template = "XFS refused to mount {device} for its UUID; no two devices share one {now}"
        said = say(template, device=seen.refused[-1].device)
        return Finding(Verdict.WARNING, said, (*refused, page), facts=facts)
    if unread:
        why: tuple[Statement | Unreadable, ...] = unread[:_FEW]
        if unread[0].why is Why.NOT_COLLECTED:
            told = unread[0].detail or "nobody recorded what its disks hold"
            why = (say("{told}: it takes the machine, or its disks", told=told),)
        said = say("Cannot tell whether devices share a {what}: {why:; }", what=words.what, why=why)
        lines = [say("Not read: {unread}", unread=one) for one in unread[_FEW:_MOST]]
        is_denied = any(one.why is Why.DENIED for one in unread)
        how = next_step("Next: {run_as_root}") if is_denied else page
        return Finding(Verdict.UNKNOWN, said, (*lines, how), facts=facts)
    rests = "Rests on: the first bytes of {n:device}"
    proof = Statement(rests, {"n": seen.disks}, Role.PROOF)
    details = (proof, *map(more, refused))
    return Finding(Verdict.OK, say(words.none), details, facts=facts)


def _verdict(seen: Seen, copies: Copies) -> Verdict:
    """A failure where somebody goes by the id, and not all copies are there on purpose.

    That they are, what keeps them apart now says: each is mounted by itself, or cannot be written.
    """
    if not copies.uses:
        return Verdict.WARNING
    rest = [one for one in copies.devices if one is not original(seen, copies)]
    on_purpose = len(rest) < len(copies.devices) and all(
        one.is_read_only or one.name in seen.folders for one in rest
    )
    is_refused = any(
        one.this_boot and one.is_kernels and one.uuid == copies.value
        and one.device not in seen.folders
        for one in seen.refused
    )  # fmt: skip
    return Verdict.WARNING if on_purpose and not is_refused else Verdict.PROBLEM


def _summary(seen: Seen, copies: Copies, words: Wording, verdict: Verdict) -> Statement:
    from ec2rl.facts.disk_uses import PATH

    named = tuple(_named(seen, one) for one in copies.devices[:_FEW])
    template = "{devices: and } have the same {what} {value}; "
    if len(copies.devices) > _FEW:
        template = "{devices:, } and {more} more have the same {what} {value}; "
    if not copies.uses:
        template += "nothing that was read goes by it"
    elif all(one.tag == PATH for one in copies.uses):
        template += "{uses: and } {names} a second one, which XFS refuses"
    elif verdict is Verdict.PROBLEM:
        template += "{uses: and } {goes} by it, and may get either"
    else:
        template += "{uses: and } {goes} by it: detach the copy before the next boot"
    uses = dict.fromkeys(f"{one.file} ({one.name})" for one in copies.uses)
    return say(
        template,
        devices=named,
        more=len(copies.devices) - _FEW,
        what=copies.tag if copies.tag == "PARTLABEL" else words.what,
        value=copies.value,
        uses=tuple(uses)[:_FEW],
        goes="goes" if len(uses) == 1 else "go",
        names="names" if len(uses) == 1 else "name",
    )


def _named(seen: Seen, disk: Disk) -> Statement:
    folders = seen.folders.get(disk.name, ())
    if not folders:
        return say("{device}", device=disk.shown)
    return say("{device} ({folders})", device=disk.shown, folders=folders[:_FEW])


def _about(seen: Seen, copies: Copies) -> Iterator[Statement]:
    """Say what each device is, which of them is the root, and what becomes of the other."""
    for one in copies.devices[:_MOST]:
        held = "below {folders}" if one.kind in MADE_OF else "mounted on {folders}"
        held = "in use as swap" if one.kind == "swap" else held
        template = "{device}: {kind}, {size:size}, "
        template += held if one.name in seen.folders else "not mounted"
        template += ", cannot be written" if one.is_read_only else ""
        template += ", on {volume}" if one.name in seen.volumes else ""
        yield say(
            template,
            device=one.shown,
            kind=one.kind or "a partition",
            size=one.size,
            folders=seen.folders.get(one.name, ())[:_FEW],
            volume=seen.volumes.get(one.name, ""),
        )
    root = next((one for one in copies.devices if "/" in seen.folders.get(one.name, ())), None)
    is_of_root = root is not None and any(one.is_root for one in copies.uses)
    if root is not None and is_of_root:
        words = "/ {is} mounted from {device}: the next boot may take another one"
        yield say(words, device=root.shown)
    uuids = {one.uuid for one in copies.devices}
    if copies.tag != "UUID" and len(uuids) == 1 and uuids != {""}:
        yield say("They have the same UUID too: one is a copy of the other (see duplicatefsuuid)")
    if copies.tag == "UUID" and any(one.kind == "xfs" for one in others(seen, copies)):
        words = 'XFS mounts only one of them: of the second mount says "wrong fs type", the kernel '
        yield more(say(words + '"Filesystem has duplicate UUID"'))


def _refusals(seen: Seen) -> Iterator[Statement]:
    for one in seen.refused[-1:]:
        words = "{place}, {when:time}: {quote}"
        words += "" if one.is_kernels else " (not verified)"
        yield say(words, place=one.place, when=one.when, quote=one.text[:_QUOTE])


def _facts(seen: Seen) -> dict[str, Fact]:
    return {
        "devices_compared": None if isinstance(seen.disks, Unreadable) else seen.disks,
        "duplicates": [
            {
                "tag": one.tag,
                "value": one.value,
                "devices": [
                    {
                        "device": disk.path,
                        "kind": disk.kind,
                        "size": disk.size,
                        "folders": list(seen.folders.get(disk.name, ())),
                        "volume": seen.volumes.get(disk.name, ""),
                    }
                    for disk in one.devices[:_MOST]
                ],
                "used_by": [
                    {"file": use.file, "name": use.name, "by": use.tag} for use in one.uses[:_MOST]
                ],
            }
            for one in seen.copies[:_MOST]
        ],
        "not_read": [str(one) for one in (*seen.unread, *seen.uses_unread)[:_MOST]],
        "refused_by_xfs": len(seen.refused),
    }
