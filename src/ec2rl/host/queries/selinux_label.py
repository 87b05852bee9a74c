"""The SELinux label of what lies at a path (xattr(7), security.selinux)."""

from __future__ import annotations

import errno
import os

from ec2rl.host.files import unreadable
from ec2rl.host.query import RootQuery, TextQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

NAME, NONE = "security.selinux", "none"
"""NONE stands for a file without a label."""


@record(frozen=True)
class SelinuxLabel(TextQuery, RootQuery[Evidence]):
    """A label as `system_u:object_r:passwd_file_t:s0`, or `none`."""

    path: str

    @property
    def key(self) -> str:
        return f"label {self.path}"

    def ask(self) -> Evidence | Unreadable:
        return self._label(self.path)

    def below(self, root: int) -> Evidence | Unreadable:
        from ec2rl.host.chroot_fs import OutsideError, Root

        try:
            machine = Root(f"/proc/self/fd/{root}")
            try:
                found = machine.find(self.path)
            finally:
                machine.close()
        except OutsideError:
            return Unreadable(self.key, Why.NOT_COLLECTED)
        except OSError as error:
            return unreadable(self.key, error)
        try:
            return self._label(f"/proc/self/fd/{found}")
        finally:
            os.close(found)

    def _label(self, path: str) -> Evidence | Unreadable:
        try:
            label = os.getxattr(path, NAME)
        except OSError as error:
            if error.errno == errno.ENODATA:
                return Evidence(self.key, f"{NONE}\n")
            if error.errno == errno.ENOTSUP:
                return Unreadable(self.key, Why.FAILED, "its file system has no labels")
            return unreadable(self.key, error)
        text = label.rstrip(b"\0").decode("utf-8", "backslashreplace")
        return Evidence(self.key, f"{text}\n")
