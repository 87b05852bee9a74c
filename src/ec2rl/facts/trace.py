"""What the kernel prints behind an event: the CPU, the task, the taint, and the call trace."""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

MAX_FRAMES = 64

# arch/x86/kernel/dumpstack.c and arch/arm64/kernel/traps.c: addresses stand before the names up to
# 4.9 (x86) and 4.14 (arm64); `?` marks what may only have been left on the stack. A mark like
# `<IRQ>` has a line of its own from 4.14 on, and mostly stands before the next frame up to 4.9.
_MARK = r"\s*<?</?[A-Z#]\w*>>?"
_FRAME = (
    rf"(?:{_MARK}){{0,3}}\s*(?:\[<[0-9a-f]+>\] ?)?(?P<guess>\? )?"
    r"(?P<name>[\w.$]+)\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[(?P<module>[\w-]+)[^\]]*\])?.*"
)
# What else may stand between frames: a mark, and registers (arm64 up to 4.14, dump_backtrace()).
_BETWEEN = rf"(?:{_MARK}){{1,3}}\s*|Exception stack\(.*|[0-9a-f]{{4}}:[0-9a-f ]*"
# dump_stack_print_info() (kernel/printk.c, later lib/dump_stack.c): `UID:` from 6.12 on; without a
# taint it says `Not tainted`.
_WHO = (
    r"CPU: (?P<cpu>\d{1,5})(?: UID: \d+)? PID: (?P<pid>\d{1,10}) Comm: (?P<task>.{1,20}?) "
    r"(?:Kdump: loaded )?"
    r"(?:Not tainted|Tainted: (?P<taint>[A-Z ]{1,64})).*"
)
# show_regs() of x86 and arm64. 0010 is the kernel's own code, e030 and e033 that of a kernel under
# Xen without hardware help; 0033 would be the program's.
_PLACE = (
    r"(?:RIP: (?:0010|e03[03]):|IP:|pc :|(?:EIP|PC) is at) ?(?:\[<[0-9a-f]+>\] *)*"
    r"(?P<place>[\w.$]+\+0x\S+(?: \[(?P<module>[\w-]+)[^\]]*\])?|0x[0-9a-f]+).*"
)
_NOISE = (
    "dump_", "__dump_", "show_stack", "oom_kill_process", "__schedule", "schedule",
    "warn_slowpath_", "watchdog_overflow_callback",
)  # fmt: skip
"""Functions that print a trace, or give up the CPU: they say nothing of the event."""


@record(frozen=True)
class Trace:
    """One call trace; None and "" are what it did not say.

    `place` is the function that the CPU was in, `frames` are the callers' names from the top,
    `module` is the first loadable module on the way, `taint` the letters of kernel.tainted, and
    `lines` the words themselves.
    """

    cpu: int | None = None
    task: str = ""
    pid: int | None = None
    taint: str = ""
    place: str = ""
    module: str = ""
    frames: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def top(self) -> str:
        """The place and its callers, less the noise; "" if there are none."""
        place = self.place.partition("+")[0]
        names = [place] if place else []
        names += [name for name in self.frames if not name.startswith(_NOISE)]
        if len(names) > 1 and names[0] == names[1]:
            del names[0]
        return " < ".join(names[:6])


def parse_trace(lines: Sequence[str]) -> Trace:
    """Give the first trace in the lines behind an event; what follows it is left out."""
    reader = _Reader()
    end = 0
    for number, line in enumerate(lines, 1):
        if not reader.takes(line):
            break
        end = number
        if "---[ end " in line:
            break
    return reader.trace(tuple(lines[:end])) if end else Trace()


class _Reader:
    """What was understood of a trace so far."""

    def __init__(self) -> None:
        import re

        self.match = re.fullmatch
        self.who: re.Match[str] | None = None
        self.place = ""
        self.frames: list[str] = []
        self.modules: list[str] = []
        self.inside = False  # between `Call Trace:` and the line that is no frame
        self.done = False

    def takes(self, line: str) -> bool:
        """Understand one more line; False for one that belongs to another trace."""
        who = self.match(_WHO, line) if line.startswith("CPU: ") else None
        if who is not None and (self.who is not None or self.done):
            return False
        self.who = self.who or who
        place = None if self.place or self.inside else self.match(_PLACE, line)
        if place is not None:
            self.place = place["place"]
            self.modules += [place["module"]] if place["module"] else []
        if line.strip() in ("Call Trace:", "Call trace:"):
            if self.done:
                return False
            self.inside = self.done = True
        elif self.inside and not (self._frame(line) or self.match(_BETWEEN, line)):
            self.inside = False
            # A task that waits has no registers: behind its trace there is nothing more of it.
            return bool(self.who or self.place)
        return True

    def _frame(self, line: str) -> bool:
        frame = self.match(_FRAME, line)
        if frame is not None and not frame["guess"] and len(self.frames) < MAX_FRAMES:
            self.frames.append(frame["name"])
            self.modules += [frame["module"]] if frame["module"] else []
        return frame is not None

    def trace(self, lines: tuple[str, ...]) -> Trace:
        who = self.who
        return Trace(
            cpu=int(who["cpu"]) if who else None,
            task=who["task"] if who else "",
            pid=int(who["pid"]) if who else None,
            taint="".join((who["taint"] or "").split()) if who else "",
            place=self.place,
            module=self.modules[0] if self.modules else "",
            frames=tuple(self.frames),
            lines=lines,
        )
