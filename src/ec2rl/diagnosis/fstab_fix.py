"""The fix of a line of /etc/fstab: `nofail`, so that a boot goes on without what it mounts."""

from __future__ import annotations

from ec2rl.diagnosis.fstab_faults import LineFault, Way
from ec2rl.facts.fstab import FSTAB
from ec2rl.model import Proposal, Remedy, Risk, Verdict
from ec2rl.remedies import EditLines, Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDED = ("/", "/usr", "/var", "/boot", "/etc", "/lib", "/bin", "/sbin", "/usr/lib", "/var/lib")
"""Without these a system does not work, and had better stop."""
_TIMEOUT = "x-systemd.device-timeout=10s"
_THEN = "Then: systemctl daemon-reload, and in emergency mode systemctl default, which goes on"
_MOST = 8
"""Lines that are changed at once; where more are to blame something else is."""


def is_fixable(fault: LineFault) -> bool:
    """Whether `nofail` in its line lets a boot go on that stops, or would, for it."""
    one = fault.entry
    return one is not None and fault.stops and one.stops_boot and not _why_not(fault)


def _why_not(fault: LineFault) -> str:
    """Why the line of a fault is left as it is, "" where it may be changed."""
    one = fault.entry
    if one is None:
        return "no line of /etc/fstab has it, or none could be read"
    if one.folder in _NEEDED:
        return "the system needs it, and a boot without it had better stop"
    if fault.way is Way.CHECK:
        return (
            "its file system is damaged, and is to be checked first; up to systemd 249 nofail "
            "alone does not help, the last field has to be 0 too"
        )
    if fault.way not in (Way.NOFAIL, Way.MOUNT, Way.LATE, Way.KIND, Way.ELSEWHERE):
        return "the line itself has to be corrected"
    text = one.text.replace("\t", " ").removesuffix("\r")
    # Bytes that are no UTF-8 are shown as \xNN, and cannot be written back as what they were.
    return "" if text.isprintable() and "\\x" not in text else "its line has bytes that are no text"


def propose_nofail(faults: Sequence[LineFault], is_live: bool) -> Proposal:
    """Plan `nofail` for the lines that are to blame, and say of the others why not."""
    worst = [one for one in faults if one.verdict is Verdict.PROBLEM]
    # What is known to stop a boot before what may.
    chosen = list(filter(is_fixable, worst)) or list(filter(is_fixable, faults))
    left = [one for one in worst if one not in chosen]
    refused = tuple(f"{one.where}: {_why_not(one)}" for one in left)
    if not chosen:
        none = ("no line of /etc/fstab is known to stop a boot",) if faults and not left else ()
        return Proposal(refused=refused or none, by_hand=tuple(_by_hand(left, is_live)))
    if len(chosen) > _MOST:
        words = f"{len(chosen)} lines are to blame: something else is, as a disk that is gone"
        return Proposal(refused=(words,))
    edits = tuple(_edit(one) for one in chosen if one.entry is not None)
    names = " and ".join(one.where for one in chosen)
    late = [one.where for one in chosen if one.way is Way.LATE]
    caveat = f"what writes below {names} while it is not mounted writes to the disk of / instead"
    if late:
        caveat += f"; {' and '.join(late)} came too late: the line is right, and this only hides it"
    title = f"Let the boot go on without {names}"
    remedy = Remedy(title, (EditLines(FSTAB, edits),), Risk.RISKY, caveat)
    after = tuple(f"{one.where} is mounted if it can be, and the boot goes on" for one in chosen)
    notes = [f"Left as it is: {line}" for line in refused]
    if is_live:
        notes.append(_THEN)
    return Proposal(
        (remedy,), notes=tuple(notes), after=after, by_hand=_same(edits) if is_live else ()
    )


def _edit(fault: LineFault) -> Lines:
    one = fault.entry
    assert one is not None
    old = one.text.removesuffix("\r")
    # What came late needs its time.
    more = ["nofail", *([] if one.timeout or fault.way is Way.LATE else [_TIMEOUT])]
    return Lines(one.number, (old,), (with_options(old, more),))


def with_options(line: str, more: Sequence[str]) -> str:
    """Give a line with more options, and all else of it as it is."""
    import re

    fields = [found.span() for found in re.finditer(r"[^ \t]+", line)][:4]
    if len(fields) < 4:
        options = [",".join(more)] if len(fields) == 3 else ["auto", ",".join(more)]
        return " ".join((line.rstrip(" \t"), *options))
    start, end = fields[3]
    options = [line[start:end].rstrip(","), *more]
    return line[:start] + ",".join(filter(None, options)) + line[end:]


def _same(edits: Sequence[Lines]) -> tuple[str, ...]:
    return (
        f"cp -p {FSTAB} {FSTAB}.before",
        *(f"vi +{one.first} {FSTAB}    # {' '.join(one.new[0].split()[:4])}" for one in edits),
        "systemctl daemon-reload",
        f"findmnt --verify --tab-file {FSTAB}",
    )


def _by_hand(left: Sequence[LineFault], is_live: bool) -> list[str]:
    """The commands for what this program leaves alone, on the machine itself."""
    lines: list[str] = []
    for one in left[:4] if is_live else ():
        device = one.entry.device if one.entry is not None else ""
        if one.way is Way.CHECK and device:
            lines.append(f"fsck -f {device}    # unmounted; xfs_repair for XFS")
        elif one.entry is not None:
            lines.append(
                f"systemctl status '{one.entry.unit}'; journalctl -b -u '{one.entry.unit}'"
            )
    return [*lines, f"findmnt --verify --tab-file {FSTAB}"] if lines else lines
