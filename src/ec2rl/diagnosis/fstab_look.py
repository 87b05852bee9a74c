"""What is looked at of a machine's /etc/fstab: its lines, what a boot said, and what is there."""

from __future__ import annotations

from ec2rl.facts.fstab import FSTAB, Fstab, parse_fstab
from ec2rl.host import Host
from ec2rl.host.queries.boot_journal import BootJournal
from ec2rl.host.queries.boot_text import BootText, Printed
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.file_system_kinds import Kinds
    from ec2rl.facts.fstab_devices import Present
    from ec2rl.host.journal.first_program import Told


@record(frozen=True)
class FstabLook:
    """The lines, and what the last boot said of them.

    `fstab` is Unreadable where the file is absent, too; `printed` is a console's text, else
    `journal` is what systemd wrote down, None where nothing asked for it.  `present` is what of the
    lines is there, `kinds` what is known of their file systems, None where all is mounted.
    """

    fstab: Fstab | Unreadable
    printed: Printed | Unreadable
    journal: Told | Unreadable | None = None
    present: Present | Unreadable | None = None
    kinds: Kinds | None = None
    is_live: bool = True
    is_systemd: bool = True


def look_at(host: Host) -> FstabLook:
    """Read the lines and what a boot said of them; of a machine what of them is there now."""
    text = host.read(FSTAB)
    fstab = parse_fstab(text.text) if isinstance(text, Evidence) else _absent(host, text)
    printed = host.query(BootText())
    if not isinstance(printed, Unreadable):
        kinds = _kinds(host, fstab) if "nknown filesystem type" in printed.text else None
        return FstabLook(fstab, printed, kinds=kinds, is_live=False)
    if isinstance(fstab, Unreadable):
        return FstabLook(fstab, printed, is_live=host.is_live)
    is_systemd = not host.is_live or _is_systemd(host)
    if not any(one.target for one in fstab.entries) or not is_systemd:
        return FstabLook(fstab, printed, is_live=host.is_live, is_systemd=is_systemd)
    from ec2rl.facts.fstab_devices import is_all_well, read_on_disk, read_present

    read = read_present if host.is_live else read_on_disk
    present = read(host, fstab.entries)
    if not isinstance(present, Unreadable) and host.is_live and is_all_well(fstab.entries, present):
        return FstabLook(fstab, printed, present=present)
    journal = host.query(BootJournal())
    return FstabLook(fstab, printed, journal, present, _kinds(host, fstab), host.is_live)


def _absent(host: Host, found: Unreadable) -> Unreadable:
    """Why there is none; a link that leads nowhere is none that nobody wrote."""
    to = host.link(FSTAB) if found.why is Why.ABSENT else found
    return found if isinstance(to, Unreadable) else Unreadable(FSTAB, Why.FAILED, f"a link to {to}")


def _kinds(host: Host, fstab: Fstab | Unreadable) -> Kinds | None:
    if isinstance(fstab, Unreadable):
        return None
    from ec2rl.facts.file_system_kinds import read_kinds

    local = [one for one in fstab.entries if one.target and not one.is_network]
    return read_kinds(host, {one.kind for one in local if not one.is_root})


def _is_systemd(host: Host) -> bool:
    """Whether systemd is PID 1 here (sd_booted(3)); true where nobody can tell."""
    found, first = host.names("/run/systemd/system"), host.read("/proc/1/comm")
    is_absent = isinstance(found, Unreadable) and found.why is Why.ABSENT
    return isinstance(first, Unreadable) or first.text.strip() == "systemd" or not is_absent
