"""Run a function in namespaces of its own: what it mounts and sets ends with it."""

from __future__ import annotations

import ctypes
import os

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NEWNS = 0x00020000
NEWNET = 0x40000000
_MS_REC_PRIVATE = 0x4000 | 1 << 18


def apart(flags: int, function: Callable[[], str]) -> str:
    """Give what the function gives, or the words of what it raised; skips without root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        words = "died"
        try:
            words = _inside(flags, function)
        except BaseException as error:
            words = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, words.encode()[:60_000])
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        words = pipe.read().decode()
    os.waitpid(pid, 0)
    if words.startswith("cannot"):
        pytest.skip(words)
    return words


def _inside(flags: int, function: Callable[[], str]) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        return f"cannot unshare: {os.strerror(ctypes.get_errno())}"
    if flags & NEWNS and libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None) != 0:
        return "cannot make mounts private"
    return function()
