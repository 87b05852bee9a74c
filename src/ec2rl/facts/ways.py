"""What lies on the way to a path: each folder with its mode and owner, links followed as one goes.

Nothing but lstat(2) of whole paths is asked, so that a volume's links stay inside it.
"""

from __future__ import annotations

from ec2rl.host import Host
from ec2rl.host.queries.path_status import FILE, FOLDER, LINK, Lstat, PathStatus
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set

_LINKS = 40
_LONGEST = 4096
_PARTS = 128
_OTHERS = 0o022
_STICKY = 0o1000


@record(frozen=True)
class Step:
    """A folder on the way, or what lies at its end."""

    path: str
    status: PathStatus


@record(frozen=True)
class Way:
    """The way to a path: folders from `/` on, and what lies there.

    `path` is where it leads without links; `end` says why it does not, where it does not, and
    `path` is then what could not be looked at.
    """

    path: str
    folders: tuple[Step, ...]
    end: PathStatus | Unreadable

    @property
    def is_missing(self) -> bool:
        """Whether nothing is there, as far as was looked."""
        return isinstance(self.end, Unreadable) and self.end.why is Why.ABSENT


def way_to(host: Host, path: str) -> Way:
    """Go to an absolute path."""
    todo = [part for part in path[:_LONGEST].split("/") if part not in ("", ".")][::-1]
    here, links = "", 0
    folders: list[Step] = []
    status = host.query(Lstat("/"))
    while True:
        shown = here or "/"
        if isinstance(status, Unreadable) or len(folders) > _PARTS:
            lost = Unreadable(shown, Why.FAILED, "too many folders")
            return Way(shown, tuple(folders), status if isinstance(status, Unreadable) else lost)
        if status.kind == LINK:
            links += 1
            if links > _LINKS:
                lost = Unreadable(shown, Why.FAILED, "too many symbolic links")
                return Way(shown, tuple(folders), lost)
            parts = [part for part in status.to.split("/") if part not in ("", ".")][::-1]
            todo += parts
            here = "" if status.to.startswith("/") else here.rpartition("/")[0]
            folders = _up_to(folders, here)
            status = host.query(Lstat(here or "/"))
            continue
        if not todo:
            return Way(shown, tuple(folders), status)
        if status.kind != FOLDER:
            return Way(shown, tuple(folders), Unreadable(shown, Why.ABSENT, "no folder"))
        folders = [*_up_to(folders, here), Step(shown, status)]
        part = todo.pop()
        here = here.rpartition("/")[0] if part == ".." else f"{here}/{part}"
        if part == "..":
            folders = _up_to(folders, here)
        status = host.query(Lstat(here or "/"))


def _up_to(folders: list[Step], here: str) -> list[Step]:
    """Keep the folders above a path."""
    return [one for one in folders if one.path != (here or "/") and _is_above(one.path, here)]


def _is_above(path: str, here: str) -> bool:
    return path == "/" or here.startswith(f"{path}/")


def may(status: PathStatus, bit: int, uid: int, gids: Set[int]) -> bool:
    """Whether a user may read (4) or enter (1) by mode and owner alone; access lists are not known.

    root may enter any folder and read any file (capabilities(7)).
    """
    if uid == 0:
        return True
    if status.uid == uid:
        return bool(status.mode & bit << 6)
    if status.gid in gids:
        return bool(status.mode & bit << 3)
    return bool(status.mode & bit)


def barred(way: Way, uid: int, gids: Set[int]) -> Step | None:
    """Give the first folder on a way that a user may not enter, or the end that it may not read."""
    for step in way.folders:
        if not may(step.status, 1, uid, gids):
            return step
    if isinstance(way.end, PathStatus) and way.end.kind == FILE and not may(way.end, 4, uid, gids):
        return Step(way.path, way.end)
    return None


def unsafe(way: Way, uid: int, home: str, private: int | None) -> tuple[Step, ...]:
    """Give what sshd finds unsafe on the way to a file, from there up to the home, or to `/`.

    safe_path() in misc.c: the owner is root or the user, and nobody else may write.  Debian lets
    the user's own group write where nobody else is in it (user-group-modes.patch): `private`.
    """
    if not isinstance(way.end, PathStatus):
        return ()
    steps = [Step(way.path, way.end)]
    for step in reversed(way.folders):
        steps.append(step)
        if step.path == home:
            break
    return tuple(step for step in steps if not _is_safe(step.status, uid, private))


def _is_safe(status: PathStatus, uid: int, private: int | None) -> bool:
    if status.uid not in (0, uid):
        return False
    others = status.mode & _OTHERS
    if private is not None and status.gid == private:
        others &= ~0o020
    return not others
