"""What is at hand, and what has to wait, while a machine is changed.

A change that has begun must come to its end: nothing that it takes is looked for in its midst, and
no signal that ends a command does so there.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from ec2rl.fix.errors import Refused
from ec2rl.fix.machine import close

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from ctypes import CDLL
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def prepare() -> None:
    """Load what every change takes; Refused without."""
    try:
        import fcntl  # noqa: F401
    except (ImportError, OSError) as error:
        raise Refused(f"no change is begun: {error}") from error


def room() -> None:
    """Try for more descriptors than a change has open at once beside its folders; Refused."""
    spare: list[int] = []
    try:
        while len(spare) < 4:
            spare += os.pipe()
    except OSError as error:
        raise Refused(f"no change is begun: {error.strerror}") from error
    finally:
        for one in spare:
            close(one)


def libc() -> CDLL:
    """Load what exchanges files; Refused where this Python has no ctypes."""
    try:
        import ctypes

        return ctypes.CDLL(None, use_errno=True)
    except (ImportError, OSError) as error:
        raise Refused(
            f"no file is touched: ctypes of this Python cannot be loaded ({error}), and without it "
            "an edit of somebody else could be lost; name another: EC2RL_PYTHON=/path/to/python3"
        ) from error


@contextmanager
def held() -> Iterator[None]:
    """Let the signals that end a command wait; the first of them strikes at the end of this."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_if_asked() -> None:
    """KeyboardInterrupt where one of them waits: the last moment at which all can be put back."""
    waiting = signal.sigpending().intersection(_SIGNALS)
    if any(signal.getsignal(number) != signal.SIG_IGN for number in waiting):
        raise KeyboardInterrupt
