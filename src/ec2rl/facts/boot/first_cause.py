"""Why a boot stopped: of all that was said before, what came first and explains the rest."""

from __future__ import annotations

from ec2rl.facts.boot.meaning import meaning
from ec2rl.facts.boot.story import Boot, Event
from ec2rl.facts.boot.wording import Role, Stage
from ec2rl.facts.boot.words_system import NEEDED
from ec2rl.model import Statement
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SHELLS = ("emergency", "rescue")
_UNITS = ("device timeout", "mount", "fsck", "unlock", "remount")
"""What a unit failed of that other units need."""
_FILE_SYSTEMS = ("character set", "damaged", "newer file system")


@record(frozen=True)
class Stopped:
    """A boot that did not come up: at which stage, of what first, and what followed of it.

    `cause` is None where nothing was said but that it stopped (`stop`); `kind` names what to do.
    """

    stage: Stage
    stop: Event
    cause: Event | None
    kind: str
    why: Statement
    followed: tuple[Event, ...]
    is_asked_for: bool = False

    @property
    def first(self) -> Event:
        return self.cause or self.stop


def explain(boot: Boot) -> Stopped | None:
    """Tell why a boot stopped, None for one that did not, or of which nobody says so."""
    if not boot.stops:
        return None
    stop = boot.stops[0]
    found = [one for one in boot.events if one.word.role is Role.CAUSE]
    cause: Event | None
    if stop.kind in _SHELLS:
        cause = _of_units(boot, found)
    else:
        said = [one for one in found if one.kind not in _UNITS or one.stage is not Stage.SYSTEM]
        cause = said[0] if said else None
    kind, why = meaning(boot, cause or stop)
    first = cause or stop
    followed = [
        one for one in boot.events
        if one.line.number > first.line.number
        and (one.word.role in (Role.STOP, Role.CAUSE) or one.kind == "dependency")
    ]  # fmt: skip
    return Stopped(
        _stage(boot, stop), stop, cause, kind, why, _distinct(followed), _asked(boot, stop)
    )


def _stage(boot: Boot, stop: Event) -> Stage:
    """Where it stopped: an initrd that runs systemd has an emergency mode of its own."""
    if stop.kind in _SHELLS and stop.stage is Stage.INITRD:
        words = ("sysroot", "initrd", "dracut")
        if any(word in one.line.text.lower() for one in boot.events for word in words):
            return Stage.INITRD
    return stop.place


def _of_units(boot: Boot, found: Sequence[Event]) -> Event | None:
    """The first failed unit that had systemd give up what a boot needs, or what that one died of.

    Others fail on healthy machines too; a mount that is `nofail` stops nothing.
    """
    import re

    heads: list[Event] = []
    needed: list[Event] = []
    for one in boot.events:
        if one.kind in _UNITS and one.stage is not Stage.REACHED:
            heads.append(one)
        elif one.kind == "dependency" and re.fullmatch(NEEDED, one.values["unit"]) and heads:
            needed.append(heads[-1])
    checked = [one for one in heads if one.kind == "fsck"]
    others = [one for one in found if one.kind in ("default target", "selinux", "pid1")]
    chosen = (*needed[:1], *checked[:1], *others[:1], *heads[:1])
    if not chosen:
        return None
    head = chosen[0]
    if head.kind == "fsck":
        return checked[0]
    if head.kind == "mount":
        here = (_stage(boot, boot.stops[0]), Stage.KERNEL)
        below = [one for one in found if one.kind in _FILE_SYSTEMS and one.stage in here]
        return below[0] if below else head
    return head


def _asked(boot: Boot, stop: Event) -> bool:
    """Whether the kernel's command line asks for the shell in which it stopped."""
    if stop.kind not in (*_SHELLS, "initrd shell"):
        return False
    unit = boot.option("systemd.unit") or ""
    words = ("emergency", "rescue", "single", "s", "S", "1", "rd.break", "break", "rdbreak")
    return unit.startswith(_SHELLS) or any(boot.option(word) is not None for word in words)


def _distinct(events: Sequence[Event]) -> tuple[Event, ...]:
    """The first of each that say the same."""
    seen: dict[str, Event] = {}
    for one in events:
        is_stop = one.word.role is Role.STOP
        text = one.kind if is_stop else one.line.text.removeprefix("systemd[1]: ")
        seen.setdefault(text, one)
    return tuple(seen.values())
