"""What a boot said of lines of /etc/fstab, and what the next one will make of each."""

from __future__ import annotations

from ec2rl.diagnosis.fstab_faults import Known, LineFault, predicted, told
from ec2rl.diagnosis.fstab_look import FstabLook
from ec2rl.facts.boot.failed_mounts import FailedMount, failed_mounts
from ec2rl.facts.boot.first_cause import Stopped, explain
from ec2rl.facts.boot.story import Boot, read_boots
from ec2rl.facts.boot.wording import STAGES, Stage
from ec2rl.facts.file_system_kinds import Kinds
from ec2rl.facts.fstab import Fstab
from ec2rl.facts.fstab_devices import Present
from ec2rl.host.queries.boot_text import Printed
from ec2rl.model import Unreadable, Verdict
from ec2rl.record import record, replace

_RANK = {one: rank for rank, one in enumerate((Verdict.PROBLEM, Verdict.WARNING, Verdict.OK))}


@record(frozen=True)
class Story:
    """What a boot said, in `place`; `stopped` is why it stopped, if it did.

    `until` is when a journal ends, in seconds since the epoch.
    """

    boot: Boot | None = None
    stopped: Stopped | None = None
    failed: tuple[FailedMount, ...] = ()
    place: str = ""
    until: float | None = None


def story_of(look: FstabLook) -> Story:
    """Tell what the last boot said, by its printed text or by the journal; empty without both."""
    printed = look.printed
    if isinstance(printed, Printed):
        return _told_by(printed.text, printed.path)
    if look.journal is None or isinstance(look.journal, Unreadable):
        return Story()
    return replace(_told_by(look.journal.text, "journal"), until=look.journal.until)


def _told_by(text: str, place: str) -> Story:
    """The story of the last boot; of one that has only begun that of the one before."""
    boots = [one for one in read_boots(text) if not one.is_crash_kernel]
    while len(boots) > 1 and explain(boots[-1]) is None and not _is_in_system(boots[-1]):
        boots.pop()
    if not boots:
        return Story(place=place)
    stopped = explain(boots[-1])
    return Story(boots[-1], stopped, failed_mounts(boots[-1], stopped), place)


def _is_in_system(boot: Boot) -> bool:
    return STAGES.index(boot.stage) >= STAGES.index(Stage.SYSTEM)


def faults_of(look: FstabLook) -> tuple[LineFault, ...]:
    """Find what is wrong with lines: the worst first, what a boot said of one before a guess."""
    return all_faults(look, story_of(look))


def all_faults(look: FstabLook, story: Story) -> tuple[LineFault, ...]:
    """Find the same where the story has been told."""
    fstab = look.fstab if isinstance(look.fstab, Fstab) else None
    present = look.present if isinstance(look.present, Present) else None
    known = Known(fstab, present, look.kinds or Kinds())
    said = told(story.failed, story.stopped, known)
    found = [one for one in said if not _is_healed(one, look)]
    lines = [one.entry for one in found]
    found += [one for one in predicted(known, look.is_live) if one.entry not in lines]
    return tuple(sorted(found, key=lambda one: (_RANK[one.verdict], one.failed is None)))


def _is_healed(fault: LineFault, look: FstabLook) -> bool:
    """Whether what failed at boot has been mounted since, by hand or late."""
    present = look.present
    if not look.is_live or not isinstance(present, Present):
        return False
    is_root = fault.where == "/"
    return not present.is_root_read_only if is_root else fault.where in present.mounted
