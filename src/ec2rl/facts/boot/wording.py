"""What a wording of a boot is: who says it, at which stage, and what it means."""

from __future__ import annotations

from ec2rl.facts.boot.lines import KERNEL, OTHER, STATUS
from ec2rl.record import Choice, record


class Stage(Choice):
    """How far a boot came, in the words of a report."""

    NOTHING = "before anything was printed"
    FIRMWARE = "in the firmware, before a boot loader"
    LOADER = "in the boot loader"
    KERNEL = "in the kernel"
    INITRD = "in the initrd"
    SYSTEM = "in systemd"
    REACHED = "at its target"


STAGES = tuple(Stage)


class Role(Choice):
    """What a wording does to the story of a boot."""

    BEGINS = "a stage begins"
    CAUSE = "may be why it stopped"
    STOP = "it stopped"
    MORE = "it tells more"


@record(frozen=True)
class Wording:
    """A wording: `pattern` is matched from the beginning of what was said; groups are values.

    It is looked at only in lines that hold `literal`.  `by` are those who say it; `of` is the
    stage that it belongs to, and `said` what it means.
    """

    kind: str
    literal: str
    pattern: str
    of: Stage
    role: Role
    said: str = ""
    by: tuple[str, ...] = (OTHER,)


FROM_KERNEL, FROM_STATUS = (KERNEL,), (STATUS,)
FROM_ANY, FROM_PID1 = (KERNEL, OTHER), (KERNEL, OTHER, STATUS)

PID1 = r"(?:systemd(?:\[1\])?: )?"
"""Stands before what systemd says by way of /dev/kmsg, and not before its status."""

DRACUT = r"(?:dracut(?:-[\w-]{1,30})?(?:\[\d{1,7}\])?:? ?)"
