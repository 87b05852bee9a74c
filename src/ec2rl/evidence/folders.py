"""What people name: files, pipes, and folders of files; opened, and nothing of them read yet.

No link inside a folder is followed, and nothing but a regular file is opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from ec2rl.evidence.identity import Identity
from ec2rl.evidence.kinds import Kind, Use
from ec2rl.evidence.machines import Group, Item
from ec2rl.host.chroot_fs import Root, listed
from ec2rl.host.packed import Stream
from ec2rl.host.saved import NotReadError, Saved, open_file, refuse_kernels
from ec2rl.host.spool import Spool

_FILES, _NAMES, _DEPTH = 400, 20_000, 8
_OF_A_ROOT = frozenset(
    (
        "bin",
        "boot",
        "dev",
        "etc",
        "home",
        "lib",
        "lib64",
        "media",
        "mnt",
        "opt",
        "proc",
        "root",
        "run",
        "sbin",
        "srv",
        "sys",
        "tmp",
        "usr",
        "var",
    )
)
_SOS = Kind("folder of a sosreport", Use.ARCHIVE)
_ROOT = Kind("mounted root", Use.ROOT)


class Given:
    """What was named, for `close`.

    `files` are open; `lost` says what could not be opened and may be evidence, `passed` what is
    none.
    """

    def __init__(self) -> None:
        self.files: list[Saved] = []
        self.lost: list[str] = []
        self.passed: list[str] = []
        self._links: list[str] = []
        self._spools: list[Spool] = []
        self._left = _NAMES
        self._trees: list[_Tree] = []
        self._top = _Tree()

    def add(self, path: str) -> None:
        """Open a file, a pipe or a folder; `-` is standard input. OSError, NotReadError."""
        if path != "-" and os.path.isdir(path):
            self._add_folder(path)
            return
        if path == "-":
            refuse_kernels(0)
            name, fd = "standard input", os.dup(0)
        else:
            name, fd = path, open_file(path)
        self._keep(name, fd, self._top)

    def pass_links(self) -> None:
        """Tell links to what was given itself from those to what nobody reads."""
        known = {_inode(os.fstat(file.fd)) for file in self.files}
        for shown in self._links:
            try:
                is_known = _inode(os.stat(shown)) in known
            except OSError:
                is_known = False
            (self.passed if is_known else self.lost).append(f"{shown}: a link: not followed")

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            os.close(file.fd)
        for spool in self._spools:
            spool.close()

    def group(self, items: Sequence[Item]) -> Group:
        """Give the files, as they were recognised in the order of `files`, in their folders."""
        return self._top.group(items)

    def _keep(self, name: str, fd: int, tree: _Tree) -> None:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            fd = self._spooled(name, fd)
        tree.files.append(len(self.files))
        self.files.append(Saved(name, fd))

    def _spooled(self, name: str, pipe: int) -> int:
        """What comes through a pipe, as a file: it is read twice."""
        spool = Spool()
        self._spools.append(spool)
        try:
            fd, gap = spool.take(Stream(lambda size: os.read(pipe, size)))
        finally:
            os.close(pipe)
        if gap:
            self.lost.append(f"{name}: {gap}")
        return os.dup(fd)

    def _add_folder(self, path: str) -> None:
        root = Root(path, ours=())
        try:
            self._walk(root, ".", path.rstrip("/") or "/", self._top, _DEPTH)
        finally:
            root.close()

    def _walk(self, root: Root, inside: str, shown: str, tree: _Tree, depth: int) -> None:
        """Add a folder: as a machine's, or with the files and folders in it."""
        names = self._names(root, inside, shown)
        if names is None:
            return
        kind = _kind_of_folder(names)
        if kind is not None:
            tree.machines.append(Item(shown, kind, identity=_identity(root, inside)))
            return
        mine = _Tree()
        tree.trees.append(mine)
        for name in sorted(names):
            below, called = f"{inside}/{name}", f"{shown.rstrip('/')}/{name}"
            self._left -= 1
            if self._left < 0 or depth == 0 or len(self.files) >= _FILES:
                self.lost.append(f"{called}, and what follows in {shown}: too many")
                return
            try:
                self._one(root, below, called, mine, depth)
            except NotReadError as error:
                self.passed.append(f"{called}: {error}")
            except OSError as error:
                self.lost.append(f"{called}: {os.strerror(error.errno or 0)}")

    def _one(self, root: Root, inside: str, shown: str, tree: _Tree, depth: int) -> None:
        found = root.find(inside, follow=False)
        try:
            mode = os.fstat(found).st_mode
            if stat.S_ISDIR(mode):
                self._walk(root, inside, shown, tree, depth - 1)
                return
            if stat.S_ISLNK(mode):
                self._links.append(shown)
                return
            if stat.S_ISFIFO(mode):
                self.lost.append(f"{shown}: a pipe: not read")
                return
            if not stat.S_ISREG(mode):
                raise NotReadError("not a file")
            refuse_kernels(found)
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            self._keep(shown, os.open(f"/proc/self/fd/{found}", flags), tree)
        finally:
            os.close(found)

    def _names(self, root: Root, inside: str, shown: str) -> list[str] | None:
        try:
            found = root.find(inside, follow=False)
            try:
                names = listed(found)
            finally:
                os.close(found)
        except OSError as error:
            self.lost.append(f"{shown}: {os.strerror(error.errno or 0)}")
            return None
        if names is None:
            self.lost.append(f"{shown}: more names than are listed")
        return names


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


class _Tree:
    """A folder: the places of its files in `Given.files`, machines, and folders."""

    def __init__(self) -> None:
        self.files: list[int] = []
        self.machines: list[Item] = []
        self.trees: list[_Tree] = []

    def group(self, items: Sequence[Item]) -> Group:
        files = map(items.__getitem__, self.files)
        known = (one for item in files for one in item.parts or (item,) if one.is_known)
        return Group(
            (*known, *self.machines),
            tuple(tree.group(items) for tree in self.trees),
        )


def _kind_of_folder(names: Sequence[str]) -> Kind | None:
    """A machine's root, or a sosreport, by the names in it; None for a folder of files."""
    if "sos_commands" in names:
        return _SOS
    known = len(_OF_A_ROOT.intersection(names))
    return _ROOT if known >= (2 if "etc" in names else 3) else None


def _identity(root: Root, inside: str) -> Identity:
    return Identity(
        host=_line(root, f"{inside}/etc/hostname"), machine=_line(root, f"{inside}/etc/machine-id")
    )


def _line(root: Root, path: str) -> str:
    """A file's only word, "" where there is none."""
    try:
        fd = root.open(path)
    except OSError:
        return ""
    try:
        words = os.pread(fd, 256, 0).split()
    except OSError:
        return ""
    finally:
        os.close(fd)
    return words[0].decode("ascii", "replace") if len(words) == 1 else ""
