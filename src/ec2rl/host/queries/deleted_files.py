"""Files that were deleted and are still open: they take room that no du(1) finds.

/proc/PID/fd of all processes (proc_pid_fd(5)), in a process of its own: a file of a network that is
away keeps who looks at it.
"""

from __future__ import annotations

import os

from ec2rl.host.query import TextQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

_SECONDS = 5.0
_MOST = 200_000
"""Descriptors that are looked at."""
_TOLD = 64
_LEAST = 1 << 20
"""Bytes of a file that is worth to be told."""
_ANSWER = 1 << 20


@record(frozen=True)
class DeletedFiles(TextQuery):
    """Lines of bytes, device (MAJOR:MINOR), process, its name, its unit and the file.

    The largest stand first, apart by tabs; what is no text in a name is escaped.
    """

    @property
    def key(self) -> str:
        return "deleted files /proc/PID/fd"

    def ask(self) -> Evidence | Unreadable:
        from ec2rl.process import Limits, LostError, run

        try:
            said = run(lambda: _found().encode(), Limits(_SECONDS), _ANSWER)
        except (LostError, OSError) as error:
            return Unreadable(self.key, Why.FAILED, str(error))
        return Evidence(self.key, said.decode())


def _found() -> str:
    import stat

    files: dict[tuple[int, int], tuple[int, str, str]] = {}
    looked = 0
    own = str(os.getpid())  # has whatever its parent has open, and ends at once
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        if pid == own:
            continue
        folder = f"/proc/{pid}/fd"
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            looked += 1
            if looked > _MOST:
                break
            try:
                path = os.readlink(f"{folder}/{name}")
                if not path.startswith("/") or not path.endswith(" (deleted)"):
                    continue
                told = os.stat(f"{folder}/{name}")
            except OSError:
                continue
            size = told.st_blocks * 512
            if stat.S_ISREG(told.st_mode) and not told.st_nlink and size >= _LEAST:
                files.setdefault((told.st_dev, told.st_ino), (size, pid, path[:-10]))
    rows = []
    largest = sorted(files.items(), key=lambda one: -one[1][0])[:_TOLD]
    for (device, _), (size, pid, path) in largest:
        number = f"{os.major(device)}:{os.minor(device)}"
        words = (str(size), number, pid, _text(pid, "comm"), _unit(_text(pid, "cgroup")), path)
        rows.append("\t".join(map(_plain, words)) + "\n")
    return "".join(rows)


def _text(pid: str, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return os.fsdecode(file.read(4096)).rstrip("\n")
    except OSError:
        return ""


def _unit(cgroup: str) -> str:
    """The systemd unit in what /proc/PID/cgroup says, "" for none."""
    parts = cgroup.replace("\n", "/").split("/")
    return next((one for one in reversed(parts) if one.endswith((".service", ".scope"))), "")


def _plain(text: str) -> str:
    data = os.fsencode(text)[:1024]
    shown = data.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown)
