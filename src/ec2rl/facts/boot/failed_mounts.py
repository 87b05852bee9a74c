"""What a boot could not mount, check or swap to, in the order in which systemd gave it up."""

from __future__ import annotations

from ec2rl.facts.boot.first_cause import Stopped
from ec2rl.facts.boot.lines import BootLine, is_shown
from ec2rl.facts.boot.meaning import (
    REASONS,
    kernel_reason,
    mount_behind,
    mount_reason,
    whole_device,
)
from ec2rl.facts.boot.story import Boot, Event
from ec2rl.facts.boot.wording import Stage
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.facts.fstab import Entry

TIMEOUT, MOUNT, CHECK, DEPENDS = "device timeout", "mount", "fsck", "dependency"
REMOUNT = "remount"
_HEADS = (TIMEOUT, MOUNT, CHECK, REMOUNT, "unlock")


@record(frozen=True)
class FailedMount:
    """A mount, check or swap that failed; `shown` is its name as systemd showed it.

    `where` and `device` are "" where nothing tells, `why` are the words of mount(8) or the kernel;
    `stops` is whether systemd stopped the boot for it, as far as the text alone tells.
    """

    kind: str
    shown: str
    line: BootLine
    where: str = ""
    device: str = ""
    why: str = ""
    stops: bool = False

    @property
    def is_swap(self) -> bool:
        """Whether systemd names a swap unit: without its line nothing else tells that of one."""
        return self.kind == DEPENDS and self.shown.partition(" - ")[0].endswith(".swap")

    def is_of(self, entry: Entry) -> bool:
        """Whether it can be that of a line of /etc/fstab: names may be shortened in the middle."""
        unit, path = entry.unit, entry.source if entry.is_swap else entry.folder
        if self.where and not entry.is_swap:
            return is_shown(self.where, unit, path)
        if self.kind == TIMEOUT:
            return is_shown(self.device, _device_unit(entry), entry.device)
        if self.kind == CHECK:
            return bool(entry.device) and is_shown(self.device, entry.device, entry.device)
        return is_shown(self.shown, unit, path)


def _device_unit(entry: Entry) -> str:
    from ec2rl.facts.unit_names import unit_name

    return unit_name(entry.device, ".device")


def failed_mounts(boot: Boot, stopped: Stopped | None) -> tuple[FailedMount, ...]:
    """Find what failed of the mounts that systemd itself makes, and not its initrd."""
    events = sorted((*boot.passed, *boot.events), key=lambda one: one.line.number)
    events = [one for one in events if one.stage is not Stage.INITRD]
    found = [_of_head(boot, one, stopped) for one in events if one.kind in _HEADS]
    known = {one.where for one in found if one.where}
    for one in events:
        if one.kind == DEPENDS:
            found += [dep for dep in _of_dependency(one) if dep.where not in known]
    return tuple(sorted(found, key=lambda one: one.line.number))


def _of_head(boot: Boot, head: Event, stopped: Stopped | None) -> FailedMount:
    is_cause = stopped is not None and stopped.cause is not None and stopped.first is head
    if head.kind == MOUNT:
        where, why = mount_reason(boot, head)
        kernels = kernel_reason(boot, head) if not why or why.startswith("wrong fs type") else ""
        why = f"{why}; the kernel says {kernels}" if why and kernels else why or kernels
        below = stopped is not None and stopped.kind in REASONS and head in stopped.followed
        return FailedMount(MOUNT, head.values["mount"], head.line, where, why=why,
                           stops=is_cause or below)  # fmt: skip
    if head.kind == REMOUNT:
        return FailedMount(REMOUNT, "/", head.line, "/", stops=is_cause)
    where = mount_behind(boot, head)
    shown = next((head.values[key].rstrip(".") for key in ("device", "disk", "name", "unit")
                  if key in head.values), "")  # fmt: skip
    device = whole_device(boot, shown) if head.kind == TIMEOUT else shown
    return FailedMount(head.kind, shown, head.line, where, device, stops=is_cause)


def _of_dependency(event: Event) -> Iterator[FailedMount]:
    shown = event.values["unit"].rstrip(".")
    unit, _, path = shown.partition(" - ")
    where = path or unit
    is_mount = where.startswith("/") and not where.startswith("/dev/")
    if is_mount or unit.endswith(".swap") or where.startswith("/dev/"):
        yield FailedMount(DEPENDS, shown, event.line, where if is_mount else "")
