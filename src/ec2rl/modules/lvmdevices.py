"""LVM's devices file does not name a disk that a volume group needs: LVM does not look at it."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.facts.lvm_devices import BACKUPS, CONF, FILE
from ec2rl.host import Host
from ec2rl.host.queries.boot_text import BootText
from ec2rl.model import (
    Evidence,
    Finding,
    FixRequest,
    Proposal,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fix_with,
    helps,
    more,
    next_step,
    say,
    see_page,
)
from ec2rl.module import BOOT, Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ec2rl.facts.disks import Disk
    from ec2rl.facts.lvm_devices import Group, Listed
    from ec2rl.host.queries.boot_text import Printed
    from ec2rl.model import Fact

NAME = "lvmdevices"
_GROUPS, _NAMED = 64, 6
_PV = "LVM2_member"


@record(frozen=True)
class Seen:
    """The devices file, the groups that are known, and the disks, None where no machine runs.

    `off` says that no devices file is used; `needed` are devices that /etc/fstab stops a boot for.
    """

    listed: tuple[Listed, ...] | Unreadable
    groups: tuple[Group, ...] = ()
    disks: tuple[Disk, ...] | Unreadable | None = None
    needed: tuple[str, ...] = ()
    off: bool = False
    printed: Printed | None = None


@record(frozen=True)
class Missing:
    """A physical volume that the file does not name, or names as another disk (`is_other`)."""

    device: str
    pvid: str
    group: str = ""
    is_needed: bool = False
    is_active: bool = False
    is_other: bool = False

    def told(self) -> Statement:
        words = "{device}{of} is a physical volume, and LVM does not look at it: {file} lacks it"
        if self.is_other:
            words = "{device}{of} is in {file} by the id of another disk, and may not be found"
        of = f" of the group {self.group}" if self.group else ""
        return say(words, device=self.device, of=of, file=FILE)


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read the file; where there is one, compare it with the disks, or with LVM's own backups."""
    text = host.read(FILE)
    if isinstance(text, Unreadable):
        is_saved = text.why is Why.NOT_COLLECTED and not host.is_live
        printed = host.query(BootText()) if is_saved else None
        return Seen(text, printed=None if isinstance(printed, Unreadable) else printed)
    from ec2rl.facts.lvm_devices import is_switched_off, parse_devices

    conf = host.read(CONF)
    if isinstance(conf, Evidence) and is_switched_off(conf.text):
        return Seen(parse_devices(text.text), off=True)
    disks = _disks(host) if host.is_live else None
    return Seen(parse_devices(text.text), tuple(_groups(host)), disks, _needed(host))


def _disks(host: Host) -> tuple[Disk, ...] | Unreadable:
    from ec2rl.facts.disks import parse_disks
    from ec2rl.host.queries.disks import Disks

    answer = host.query(Disks())
    return answer if isinstance(answer, Unreadable) else parse_disks(answer.text)


def _groups(host: Host) -> Iterator[Group]:
    from ec2rl.facts.lvm_devices import parse_group

    names = host.names(BACKUPS)
    for name in () if isinstance(names, Unreadable) else names[:_GROUPS]:
        text = host.read(f"{BACKUPS}/{name}")
        group = None if isinstance(text, Unreadable) else parse_group(name, text.text)
        if group is not None:
            yield group


def _needed(host: Host) -> tuple[str, ...]:
    from ec2rl.facts.fstab import FSTAB, parse_fstab

    text = host.read(FSTAB)
    entries = () if isinstance(text, Unreadable) else parse_fstab(text.text).entries
    return tuple(one.source for one in entries if one.stops_boot)


def judge(seen: Seen) -> Finding:
    """Judge by what a boot needs and LVM does not look at."""
    if seen.printed is not None:
        return _shown(seen.printed)
    if isinstance(seen.listed, Unreadable):
        if seen.listed.why is Why.ABSENT:
            said = say("LVM looks at all disks, or is not there: no {path}", path=FILE)
            return Finding(Verdict.NOT_APPLICABLE, said)
        return _unknown(say("{why}", why=seen.listed))
    if seen.off:
        return Finding(Verdict.OK, say("LVM looks at all disks ({path} says so).", path=CONF))
    if isinstance(seen.disks, Unreadable):
        return _unknown(say("{why}", why=seen.disks))
    found = [*(_by_backup(seen) if seen.disks is None else _by_disk(seen, seen.disks))]
    facts: dict[str, Fact] = {
        "missing": [
            {"device": one.device, "pvid": one.pvid, "group": one.group or None,
             "needed": one.is_needed, "other_disk": one.is_other} for one in found
        ],
        "listed": len(seen.listed),
    }  # fmt: skip
    if not found:
        return _none(seen, facts)
    worst = next((one for one in found if one.is_needed and not one.is_active), None)
    first = worst or found[0]
    rest = [one.told() for one in found if one is not first][:_NAMED]
    how = helps(_help(first)) if seen.disks is not None else fix_with(NAME)
    verdict = Verdict.WARNING if worst is None else Verdict.PROBLEM
    return Finding(verdict, first.told(), (*rest, how, see_page(NAME)), facts=facts)


def _none(seen: Seen, facts: dict[str, Fact]) -> Finding:
    disks = () if seen.disks is None or isinstance(seen.disks, Unreadable) else seen.disks
    lost = next((one for one in disks if one.fault and not one.holders and not one.is_removable),
                None)  # fmt: skip
    if lost is not None:
        return _unknown(say("{device}: {why}", device=lost.path, why=lost.fault))
    if seen.disks is None and not seen.groups:
        return _unknown(say("{path} has no backup of a group to compare with", path=BACKUPS))
    words = "LVM's devices file names every physical volume that is known."
    return Finding(Verdict.OK, say(words), (*_gone(seen, disks),), facts=facts)


def _gone(seen: Seen, disks: Sequence[Disk]) -> Iterator[Statement]:
    """What the file names and is not there: a disk that was detached, which harms nothing."""
    there = {one.uuid.replace("-", "") for one in disks}
    for one in () if isinstance(seen.listed, Unreadable) or not disks else seen.listed:
        if one.pvid and one.pvid not in there:
            words = "Not attached, and no fault: {name} (line {n} of the file)"
            yield more(say(words, name=one.last or one.name, n=one.number))


def _by_disk(seen: Seen, disks: Sequence[Disk]) -> Iterator[Missing]:
    by_name = {one.name: one for one in disks}
    listed = () if isinstance(seen.listed, Unreadable) else seen.listed
    named = {one.pvid: one for one in listed if one.pvid}
    for one in disks:
        pvid = one.uuid.replace("-", "")
        if one.kind != _PV or not pvid or any(by_name[up].kind == _PV for up in one.holders
                                              if up in by_name):  # fmt: skip
            continue
        entry = named.get(pvid)
        whole = by_name.get(one.of, one)
        is_other = entry is not None and entry.kind == "sys_wwid" and bool(whole.wwid)
        is_other = is_other and entry is not None and _id(entry.name) != _id(whole.wwid)
        if entry is None or is_other:
            group = _group_of(seen, pvid)
            yield Missing(one.path, one.uuid, group.name if group else "", _is_needed(seen, group),
                          bool(one.holders), is_other)  # fmt: skip


def _by_backup(seen: Seen) -> Iterator[Missing]:
    listed = () if isinstance(seen.listed, Unreadable) else seen.listed
    named = {one.pvid for one in listed}
    for group in seen.groups:
        for pvid, device in group.members:
            if pvid not in named:
                yield Missing(device, pvid, group.name, _is_needed(seen, group))


def _id(name: str) -> str:
    """An id as the file has it: blanks are underscores there."""
    return "_".join(name.replace("_", " ").split())


def _group_of(seen: Seen, pvid: str) -> Group | None:
    return next((one for one in seen.groups if any(pvid == id_ for id_, _ in one.members)), None)


def _is_needed(seen: Seen, group: Group | None) -> bool:
    return group is not None and any(group.holds(device) for device in seen.needed)


def _help(one: Missing) -> Statement:
    then = "then dracut -f (update-initramfs -u): the initrd has a copy"
    verb = _verb(one)
    words = "What helps: lvmdevices {verb}, vgchange -ay; {then}"
    return say(words, verb=verb, then=then)


def _verb(one: Missing) -> str:
    return "--update" if one.is_other else f"--adddev {one.device}"


def _unknown(why: Statement) -> Finding:
    said = say("Cannot tell whether LVM looks at every disk that it needs: {why}", why=why)
    return Finding(Verdict.UNKNOWN, said, (next_step("Next: {collect_all}"),))


def _shown(printed: Printed) -> Finding:
    """What a console tells of the last boot: that it stopped for a disk that the file misses."""
    from ec2rl.facts.boot.story import read_boots
    from ec2rl.facts.boot.wording import Stage

    boots = [one for one in read_boots(printed.text) if not one.is_crash_kernel]
    last = boots[-1] if boots else None
    told = last.of("devices file") if last else ()
    lost = last.of("volume group") if last else ()
    if last is None or (not told and last.stage is not Stage.REACHED):
        return _unknown(say("{path} does not tell", path=printed.path))
    if not told or not last.stops:
        words = "The last boot came up: LVM looked at what it needed."
        if last.stage is not Stage.REACHED:
            return _unknown(say("{line}", line=told[0].line.text))
        return Finding(Verdict.OK, say(words))
    group = lost[0].values["name"] if lost else ""
    words = "The last boot stopped{without}: LVM's devices file (system.devices) names another disk"
    without = say(" without the volume group {group}", group=group) if group else say("")
    said = say(words + ": {line}", without=without, line=told[0].line.text)
    words = "What helps: on its volume move {file} away, and rebuild the initrd, which has a copy"
    how = helps(say(words, file=FILE))
    quote = Evidence(f"{printed.path}:{told[0].line.number}", told[0].line.text)
    verdict = Verdict.WARNING if printed.kind == "unknown" or not group else Verdict.PROBLEM
    return Finding(verdict, said, (how, see_page(NAME)), (quote,))


def propose(host: Host, seen: Seen, request: FixRequest) -> Proposal:
    """Plan to put a volume's file aside; on a machine that runs lvmdevices(8) adds to it."""
    from ec2rl.model import Remedy, Risk
    from ec2rl.remedies import Rename

    if isinstance(seen.listed, Unreadable) or isinstance(seen.disks, Unreadable) or seen.off:
        return Proposal()
    if seen.disks is not None:
        found = [*_by_disk(seen, seen.disks)]
        hands = tuple(f"lvmdevices {_verb(one)}" for one in found)
        why = ("lvmdevices(8) alone writes that file while LVM runs",) if found else ()
        return Proposal(refused=why, by_hand=(*hands, "dracut -f") if found else ())
    if not any(_by_backup(seen)):
        return Proposal()
    caveat = "LVM then looks at all disks, those of other machines too, where such are attached"
    remedy = Remedy("Let LVM look at all disks", (Rename(FILE, f"{FILE}.aside"),), Risk.RISKY,
                    caveat)  # fmt: skip
    notes = ("Then rebuild the initrd, which has a copy: chroot FOLDER dracut -f --kver VERSION",)
    return Proposal((remedy,), notes=notes)


MODULE = Module(
    name=NAME,
    title="LVM looks at every disk that it needs",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, to read the first bytes of disks",
    propose=propose,
    by_hand=lambda _: ("lvmdevices", "pvs -a --devicesfile ''", "vgs --devicesfile ''"),
    rank=BOOT,
)
