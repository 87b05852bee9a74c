"""Take our own modules from the bytecode that Python has kept of them, without its search.

Python looks for a module in every form that one can have, through many small functions.  Ours are
files below one folder: what is kept of one is read, and holds if its source has the time and size
that stand in it.  Whatever else is found is left to Python (docs/decisions/0043-kept-bytecode.md).
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec, SourceFileLoader
    from types import CodeType, ModuleType
else:
    # `importlib.machinery` is another name of theirs, and takes its time to import.
    ModuleSpec = sys.modules["_frozen_importlib"].ModuleSpec
    SourceFileLoader = sys.modules["_frozen_importlib_external"].SourceFileLoader

_MAGIC = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER + bytes(4)
"""The head of bytecode that holds while its source has the same time and size (PEP 552)."""
_MOST = 64 << 10
"""Bytes of the largest file of bytecode that is read: twice that of our largest module."""


class _Loader(SourceFileLoader):
    kept: bytes

    def get_code(self, fullname: str) -> CodeType:
        try:
            code: CodeType = marshal.loads(memoryview(self.kept)[16:])  # noqa: S302 - as Python does
        except (EOFError, ValueError, TypeError):
            # Half a file, as Python 3.9 to 3.13 leave where a disk is full, and stop at.
            return self.source_to_code(self.get_data(self.path), self.path)
        return code


class Finder:
    """Finds what is kept of the modules of the package in `folder`: an entry of sys.meta_path."""

    def __init__(self, folder: str) -> None:
        above, _, self._package = folder.rpartition("/")
        self._above = above + "/"
        self._ending = f".{sys.implementation.cache_tag}.pyc"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] != self._package:
            return None
        place = self._above + name.replace(".", "/")
        folder, _, last = place.rpartition("/")
        return self._found(name, folder, last) or self._found(name, place, "__init__", [place])

    def _found(
        self, name: str, folder: str, last: str, inside: list[str] | None = None
    ) -> ModuleSpec | None:
        source = f"{folder}/{last}.py"
        cached = f"{folder}/__pycache__/{last}{self._ending}"
        try:
            fd = os.open(cached, os.O_RDONLY | os.O_CLOEXEC)
            try:
                kept = os.read(fd, _MOST)
            finally:
                os.close(fd)
            seen = os.stat(source)
            mark = (int(seen.st_mtime) & 0xFFFFFFFF) | (seen.st_size & 0xFFFFFFFF) << 32
        except OSError:
            return None
        if kept[:16] != _MAGIC + mark.to_bytes(8, "little"):
            return None
        loader = _Loader(name, source)
        loader.kept = kept
        spec = ModuleSpec(name, loader, origin=source)
        spec.has_location, spec.cached = True, cached
        spec.submodule_search_locations = inside
        return spec


def use(folder: str) -> None:
    """Take the modules of the package in `folder` from what is kept, from now on."""
    if sys.flags.optimize == 0 and sys.pycache_prefix is None:
        sys.meta_path.insert(0, Finder(folder))
