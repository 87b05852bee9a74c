"""What lies at a path: its kind, mode, owner and, of a symbolic link, where it leads (lstat(2))."""

from __future__ import annotations

import os
import stat

from ec2rl.host.files import unreadable
from ec2rl.host.query import RootQuery
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.host.query import Encoded

FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"


@record(frozen=True)
class PathStatus:
    """What lies at a path, no link followed; `mode` has the bits of chmod(2), `to` is a link's."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int = 0
    names: int = 1
    to: str = ""


@record(frozen=True)
class Lstat(RootQuery[PathStatus]):
    """The status of one absolute path."""

    path: str

    @property
    def key(self) -> str:
        return f"lstat {self.path}"

    def ask(self) -> PathStatus | Unreadable:
        try:
            found = os.lstat(self.path)
            return _status(found, os.readlink(self.path) if stat.S_ISLNK(found.st_mode) else "")
        except OSError as error:
            return unreadable(self.key, error)
        except ValueError:  # a NUL in it
            return Unreadable(self.key, Why.ABSENT)

    def below(self, root: int) -> PathStatus | Unreadable:
        from ec2rl.host.chroot_fs import OutsideError, Root

        try:
            machine = Root(f"/proc/self/fd/{root}")
        except OSError as error:
            return unreadable(self.key, error)
        try:
            found = machine.find(self.path, follow=False)
            try:
                status = os.fstat(found)
                is_link = stat.S_ISLNK(status.st_mode)
                return _status(status, os.readlink("", dir_fd=found) if is_link else "")
            finally:
                os.close(found)
        except OutsideError:
            return Unreadable(self.key, Why.NOT_COLLECTED)
        except OSError as error:
            return unreadable(self.key, error)
        finally:
            machine.close()

    def encode(self, answer: PathStatus) -> Encoded:
        from ec2rl.host.notes import escaped

        words = f"{answer.kind} {answer.mode:o} {answer.uid} {answer.gid} {answer.size}"
        names = f" names={answer.names}" if answer.names != 1 else ""
        return words + names + (f" -> {escaped(answer.to)}" if answer.kind == LINK else ""), {}

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> PathStatus:
        from ec2rl.host.notes import unescaped

        told, _, to = text.strip().partition(" -> ")
        kind, mode, uid, gid, *rest = told.split()
        size = int(rest[0]) if rest and rest[0].isdigit() else 0
        names = rest[-1].partition("names=")[2] if rest else ""
        return PathStatus(
            kind, int(mode, 8), int(uid), int(gid), size, int(names or 1), unescaped(to)
        )


def _status(found: os.stat_result, to: str) -> PathStatus:
    mode = found.st_mode
    kind = OTHER
    if stat.S_ISREG(mode):
        kind = FILE
    elif stat.S_ISDIR(mode):
        kind = FOLDER
    elif stat.S_ISLNK(mode):
        kind = LINK
    shown = os.fsencode(to).decode("utf-8", "backslashreplace")
    names = 1 if kind == FOLDER else found.st_nlink
    return PathStatus(
        kind, stat.S_IMODE(mode), found.st_uid, found.st_gid, found.st_size, names, shown
    )
