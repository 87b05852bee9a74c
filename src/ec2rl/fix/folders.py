"""A folder of settings that may be missing: made for a file, and taken back with it."""

from __future__ import annotations

import errno
import os
import stat

from ec2rl.fix.errors import Unreachable
from ec2rl.fix.machine import Machine, folder, there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack


class Folder:
    """One folder, held by its descriptor `fd` for as long as `stack` lasts."""

    def __init__(self, machine: Machine, path: str, stack: ExitStack) -> None:
        head, self.name = os.path.split(path)
        self.machine, self.path, self._stack = machine, path, stack
        self.above = stack.enter_context(folder(machine, head))
        self._fd: int | None = None
        self.find()

    @property
    def fd(self) -> int:
        if self._fd is None:
            raise Unreachable(f"{self.path} does not exist", absent=True)
        return self._fd

    @property
    def there(self) -> bool:
        """Tell whether it was there when we looked, or has been made since."""
        return self._fd is not None

    def find(self) -> None:
        """Look whether it is there."""
        if there(self.above, self.name):
            self._fd = self._stack.enter_context(folder(self.machine, self.path))

    def make(self) -> None:
        """Make it, for everybody to read; on disk, too."""
        try:
            os.mkdir(self.name, 0o700, dir_fd=self.above)
        except FileExistsError:  # since we have looked, or for another file of ours
            self.find()
            return
        self.find()
        os.fchmod(self.fd, 0o755)
        os.fsync(self.fd)
        os.fsync(self.above)

    def remove(self) -> None:
        """Remove it, unless somebody uses it or has changed its mode; on disk, too."""
        status = os.fstat(self.fd)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) not in (0o700, 0o755):
            return
        try:
            os.rmdir(self.name, dir_fd=self.above)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise
            return
        self._fd = None
        os.fsync(self.above)
