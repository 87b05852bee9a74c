"""What ends a process, and all that it has started, when whoever made it is gone, however it went.

A pipe that nobody writes to: when its last writer has ended, the kernel sends the readers' owner a
signal (O_ASYNC and F_SETOWN in fcntl(2); pipe_release, fs/pipe.c), SIGKILL as F_SETSIG asks, and
the owner is a whole process group.  PR_SET_PDEATHSIG would end one process only, is forgotten with
a change of rights, and costs an import of ctypes, 4 ms (docs/decisions/0014-asked-by-another.md).
"""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these


class Lifeline:
    """To be made before the fork; then one end is the parent's, and one the child's.

    OSError where no descriptor can be had.
    """

    def __init__(self) -> None:
        self.ends = self._hangs, self.held = os.pipe()

    def hold(self) -> None:
        """In the parent, after the fork: keep the process alive until `close`, or our own end."""
        os.close(self._hangs)

    def close(self) -> None:
        """In the parent: let go of a process that has ended."""
        os.close(self.held)

    def hang(self) -> None:
        """In the child, the leader of its group: from now on live no longer than the parent.

        Where the kernel does not know how (gVisor), or this Python, an alarm is all that ends it.
        """
        os.close(self.held)
        try:
            import fcntl

            fcntl.fcntl(self._hangs, fcntl.F_SETOWN, -os.getpid())
            fcntl.fcntl(self._hangs, fcntl.F_SETSIG, int(signal.SIGKILL))
            fcntl.fcntl(self._hangs, fcntl.F_SETFL, os.O_RDONLY | os.O_ASYNC)
        except (OSError, ImportError):
            return
        gone = select.poll()
        gone.register(self._hangs, 0)
        if gone.poll(0):  # before we had asked for the signal
            os._exit(1)
