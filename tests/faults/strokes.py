"""A hand inside of the program: it strikes between two lines, or behind a system call."""

from __future__ import annotations

import os
import sys

from ec2rl import fix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable

_FIX = os.path.dirname(os.path.abspath(fix.__file__))
_COMMANDS = os.path.join(os.path.dirname(_FIX), "commands")
# What is raised while a record is read or written (format.py) is raised in journal.py as well.
FILES = frozenset(
    [
        os.path.join(folder, name)
        for folder, _, names in os.walk(_FIX)
        for name in names
        if name.endswith(".py") and name not in ("format.py", "free.py")
    ]
    + [os.path.join(_COMMANDS, f"{name}.py") for name in ("changed", "fix", "keep", "undo")]
)
"""What changes a machine; in the rest of the program nothing can be half done."""


class Steps:
    """Call `blow` before the `nth` step of a command is over; of none, log all steps in a file."""

    def __init__(self, log: str, nth: int, blow: Callable[[], None]) -> None:
        self.log = log
        self.nth = nth
        self._blow = blow
        self._count = 0
        self._fd = -1
        self._pid = 0

    def places(self) -> list[str]:
        """Where the steps were, as a process that was not struck has logged them."""
        with open(self.log) as file:
            return file.read().splitlines()

    def lines(self) -> None:
        """A step is a line that is about to run, in what runs already as well."""
        self._open()
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename in FILES:
                frame.f_trace = self._trace
            frame = frame.f_back
        sys.settrace(self._trace)

    def calls(self) -> None:
        """A step is a system call that has returned."""
        self._open()
        sys.setprofile(self._profile)

    def _open(self) -> None:
        self._pid = os.getpid()
        if not self.nth:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._fd = os.open(self.log, flags, 0o600)

    def _step(self, frame: FrameType) -> None:
        if os.getpid() != self._pid:
            return  # in a program that is about to be started, whose files are its own
        self._count += 1
        if not self.nth:
            name = os.path.basename(frame.f_code.co_filename)
            os.write(self._fd, f"{name}:{frame.f_lineno}\n".encode())
        elif self._count == self.nth:
            sys.settrace(None)
            sys.setprofile(None)
            self._blow()

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "call":
            return self._trace if frame.f_code.co_filename in FILES else None
        if event == "line":
            self._step(frame)
        return self._trace

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if (
            event == "c_return"
            and frame.f_code.co_filename in FILES
            and getattr(argument, "__module__", "") == "posix"
        ):
            self._step(frame)
