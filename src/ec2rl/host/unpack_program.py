"""The text of a compressed log, unpacked by a program where this Python cannot, or should not."""

from __future__ import annotations

import os
import time

from ec2rl.host.unpack_memory import PROGRAMS

# `xz -9` needs 65 MiB to unpack: not in this process, which promises to stay below that.
_PROGRAMS = {
    "xz": ("xz", "-dcq", f"--memlimit-decompress={PROGRAMS['xz']}"),
    "zstd": ("zstd", "-dcq", f"-M{PROGRAMS['zstd'] >> 20}MB"),
    "lz4": ("lz4", "-dcq"),
    "lzma": ("xz", "-dcq", f"--memlimit-decompress={PROGRAMS['xz']}"),
    "compress": ("gzip", "-dcq"),
}
_FOLDERS = ("/usr/bin/", "/bin/", "/usr/local/bin/")


def open_program(kind: str, fd: int, deadline: float) -> Program | None:
    """Have a program unpack the regular file `fd`; None where there is none for its kind."""
    argv = _PROGRAMS.get(kind)
    place = find_program(argv[0]) if argv else None
    return Program(kind, place, argv, fd, deadline) if argv and place else None


def find_program(name: str) -> str | None:
    """Find the path of a program; None where there is none in the folders of the system."""
    places = (folder + name for folder in _FOLDERS)
    return next((place for place in places if os.access(place, os.X_OK)), None)


class Program:
    """The text that a program unpacks from a regular file; `close` leaves no process behind."""

    def __init__(
        self, kind: str, program: str, argv: tuple[str, ...], fd: int, deadline: float
    ) -> None:
        from select import POLLIN, poll
        from signal import SIGPIPE

        self.gap = ""
        self._kind = kind
        self._unpacked = 0
        self._deadline = deadline
        self._poll = poll()
        os.lseek(fd, 0, os.SEEK_SET)
        self._pipe, end = os.pipe()
        try:
            self._pid = os.posix_spawn(
                program,
                argv,
                {"LC_ALL": "C"},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, fd, 0),
                    (os.POSIX_SPAWN_DUP2, end, 1),
                    (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
                ],
                setsigdef=[SIGPIPE],  # Python ignores it, and a child would inherit that
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(end)
        self._poll.register(self._pipe, POLLIN)

    def readinto(self, view: memoryview) -> int:
        if self.gap or not self._pid:
            return 0
        left = self._deadline - time.monotonic()
        if left <= 0 or not self._poll.poll(left * 1000):
            self._stop("no time left")
            return 0
        size = os.readv(self._pipe, [view])
        self._unpacked += size
        if not size and (status := self._wait()) != 0:
            self._stop(f"its program ended with status {status}")
        return size

    def close(self) -> None:
        if self._pid:
            from contextlib import suppress
            from signal import SIGKILL

            with suppress(ProcessLookupError):
                os.kill(self._pid, SIGKILL)  # not yet waited for, so the id is still its own
            self._wait()
        os.close(self._pipe)

    def _wait(self) -> int | None:
        pid, self._pid = self._pid, 0
        try:
            return os.waitpid(pid, 0)[1]
        except ChildProcessError:
            return None  # somebody else waited for it

    def _stop(self, why: str) -> None:
        self.gap = f"{self._kind}: unpacked up to byte {self._unpacked} of the text: {why}"
