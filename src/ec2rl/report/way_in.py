"""The folder in which programs look for the results of ec2rl 1.1.7: a link to where they are kept.

1.1.7 wrote into /var/tmp/ec2rl, where every user can make the folder first (CVE-2015-7529 was such
a fault).  Nothing is written through the link; it is for readers alone.
"""

from __future__ import annotations

import os
import stat

from ec2rl.report.saved import STORE, check_safe

FOLDER, NAME = "/var/tmp", "ec2rl"  # noqa: S108 - see `check_safe`

_OPEN = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def way_in(path: str, store: str = STORE, folder: str = FOLDER) -> str:
    """Give the path of a run below `folder`, where a link of ours leads from there to `store`.

    The link is made if nothing has its name.  Where something else has, where others could swap it,
    or where it cannot be made, and for a run kept elsewhere: the path that was given.
    """
    base, _, run = path.rpartition("/")
    try:
        return f"{folder}/{NAME}/{run}" if base == store and _leads(store, folder) else path
    except OSError:
        return path


def _leads(store: str, folder: str) -> bool:
    fd = os.open(folder, _OPEN)
    try:
        check_safe(fd, folder, last=False)
        try:
            os.symlink(store, NAME, dir_fd=fd)
        except FileExistsError:
            pass
        link = os.stat(NAME, dir_fd=fd, follow_symlinks=False)
        ours = stat.S_ISLNK(link.st_mode) and link.st_uid == os.geteuid()
        return ours and os.readlink(NAME, dir_fd=fd) == store
    finally:
        os.close(fd)
