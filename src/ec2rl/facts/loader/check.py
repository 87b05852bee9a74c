"""Whether what an entry starts is there and whole: kernel, initrd, and the root that it names."""

from __future__ import annotations

from ec2rl.facts.disk_uses import PATH, named_by
from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.facts.loader.menu import Entry, Start
from ec2rl.facts.proc import parse_number
from ec2rl.host import Host
from ec2rl.host.queries.boot_image import INITRD, KERNEL, BootImage
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ec2rl.facts.loader.roots import Roots


class Harm(Choice):
    """What is wrong with a part of an entry."""

    MISSING = "is not there"
    EMPTY = "is empty"
    CUT = "is not whole"
    ROOT = "is of no file system here"
    NEEDS_INITRD = "needs an initrd, and the entry has none"
    UNSURE = "could not be judged"


@record(frozen=True)
class Fault:
    """What is wrong: `what` is a path or a word of the command line, `why` more of it, or "".

    `is_denied` is whether root could tell.
    """

    harm: Harm
    what: str
    why: str = ""
    kind: str = KERNEL
    is_denied: bool = False

    @property
    def is_sure(self) -> bool:
        return self.harm is not Harm.UNSURE


@record(frozen=True)
class Checked:
    """A start with its faults; `release` is the kernel's own, "" where it is not known.

    `kernel` and `initrds` are the files as this machine has them.
    """

    start: Start
    kernel: str = ""
    initrds: tuple[str, ...] = ()
    release: str = ""
    machine: int = 0
    faults: tuple[Fault, ...] = ()
    modified: int = 0

    @property
    def is_intact(self) -> bool | None:
        if any(one.is_sure for one in self.faults):
            return False
        return None if self.faults else True


def is_intact(checked: tuple[Checked, ...]) -> bool | None:
    """Tell whether an entry can be started: one of its ways is enough; None: nobody knows."""
    told = [one.is_intact for one in checked]
    if True in told:
        return True
    return None if None in told or not told else False


def check_entry(host: Host, entry: Entry, roots: Roots) -> tuple[Checked, ...]:
    """Look at the files of an entry."""
    return tuple(_check(host, one, roots) for one in entry.starts)


def _check(host: Host, start: Start, roots: Roots) -> Checked:
    if not start.is_known:
        why = "a variable of the boot loader is not known"
        return Checked(start, faults=(Fault(Harm.UNSURE, start.kernel or "linux", why),))
    kernel = _file(host, start.kernel, KERNEL, start, roots)
    initrds = [_file(host, one, INITRD, start, roots) for one in start.initrds]
    faults = [*kernel.faults, *(fault for one in initrds for fault in one.faults)]
    faults += _of_root(start, roots)
    release = kernel.told.get("release", "") or _release(start.kernel)
    return Checked(
        start,
        kernel.path,
        tuple(one.path for one in initrds),
        release,
        parse_number(kernel.told.get("machine", "")) or 0,
        tuple(faults),
        max(parse_number(one.told.get("modified", "")) or 0 for one in (kernel, *initrds)),
    )


def _release(path: str) -> str:
    """The release that a kernel's name bears."""
    name = path.rpartition("/")[2]
    return name.partition("-")[2] if name.startswith(("vmlinu", "Image")) else ""


@record(frozen=True)
class _File:
    path: str
    told: Mapping[str, str]
    faults: tuple[Fault, ...] = ()


def _file(host: Host, path: str, kind: str, start: Start, roots: Roots) -> _File:
    for place in _places(path):
        found = host.query(BootImage(place, kind))
        if isinstance(found, Evidence):
            told = dict(line.partition(": ")[::2] for line in found.text.split("\n") if line)
            return _File(place, told, tuple(_of_file(place, kind, told)))
        if found.why is not Why.ABSENT:
            is_denied = found.why is Why.DENIED
            return _File(path, {}, (Fault(Harm.UNSURE, path, _why(found), kind, is_denied),))
    if roots.is_foreign(start.device):
        why = f"on another file system: {'='.join(start.device)}"
        return _File(path, {}, (Fault(Harm.UNSURE, path, why, kind),))
    if roots.boot_away:
        return _File(path, {}, (Fault(Harm.UNSURE, path, roots.boot_away, kind),))
    return _File(path, {}, (Fault(Harm.MISSING, path, "", kind),))


def _why(unread: Unreadable) -> str:
    return unread.why.value + (f" ({unread.detail})" if unread.detail else "")


def _places(path: str) -> Iterator[str]:
    """Where this machine has a file of the loader's: /boot or / may be what that calls its root.

    A subvolume of btrfs stands before the path there: `/@/boot/...`, `/root/boot/...`.
    """
    plain = path.partition(")")[2] if path.startswith("(") else path
    parts = [one for one in plain.split("/") if one not in ("", ".", "..")][:32]
    places = ("/" + "/".join(parts), "/boot/" + "/".join(parts))
    yield from places if parts[:1] == ["boot"] else reversed(places)
    for at in (1, 2):
        if len(parts) > at + 1 and parts[at] == "boot":
            yield "/" + "/".join(parts[at:])


def _of_file(path: str, kind: str, told: Mapping[str, str]) -> Iterator[Fault]:
    if told.get("size") == "0":
        yield Fault(Harm.EMPTY, path, "", kind)
    elif told.get("whole") == "no":
        yield Fault(Harm.CUT, path, told.get("why", ""), kind)
    elif told.get("form") == "unknown" or (kind == INITRD and told.get("whole") != "yes"):
        yield Fault(Harm.UNSURE, path, told.get("why", ""), kind)


def _of_root(start: Start, roots: Roots) -> Iterator[Fault]:
    """Whether the root that the command line names is there; without one nothing is said."""
    named = [one.value for one in arguments(start.words) if one.name == "root" and one.value]
    spec = named[-1] if named else ""
    tag, value = named_by(spec or "")
    if not start.initrds and tag in ("UUID", "LABEL"):
        # init/do_mounts.c, name_to_dev_t(): a kernel alone knows PARTUUID, PARTLABEL and names.
        yield Fault(Harm.NEEDS_INITRD, f"root={spec}")
    elif tag != PATH and roots.has(tag, value) is False:
        yield Fault(Harm.ROOT, f"root={spec}", roots.instead(tag))
