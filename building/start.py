"""Start ec2rl from the one file: every Python there ever was must understand this.

`file` is the one file, opened; `sys.argv` has its name second.  A Python for which the file holds a
tree of bytecode takes the program from there, any other one from the sources: neither is unpacked.
"""

import sys


class Tree(object):  # noqa: UP004
    """Finds and loads modules, as an entry of sys.meta_path.

    `modules` has whether each is a package, and `pieces` where it lies in the file and how long it
    is; also of every other file that ships, by its path.
    """

    def __init__(self, path, fd, modules, pieces):
        # type: (str, int, object, object) -> None
        self.path, self.fd, self.modules, self.pieces = path, fd, modules, pieces

    def read(self, name):
        # type: (str) -> bytes
        offset, length = self.pieces[name]
        return zlib.decompress(os.pread(self.fd, length, offset), -15)

    def find_spec(self, name, path=None, target=None):
        # type: (str, object, object) -> object
        if name not in self.modules:
            return None
        place = self.path + "/" + name.replace(".", "/")
        if not self.modules[name]:
            return spec_of(name, self, place + ".py", None)
        return spec_of(name, self, place + "/__init__.py", [place])

    def create_module(self, spec):
        # type: (object) -> None
        return None

    def exec_module(self, module):
        # type: (object) -> None
        exec(marshal.loads(self.read(module.__name__)), module.__dict__)  # noqa: S102

    def get_data(self, path):
        # type: (str) -> bytes
        try:
            return self.read(path[len(self.path) + 1 :])
        except KeyError:
            raise OSError(2, "not in the file", path)

    def get_source(self, name):
        # type: (str) -> str
        inside = "/__init__.py" if self.modules[name] else ".py"
        return self.read(name.replace(".", "/") + inside).decode("utf-8")


def spec_of(name, loader, place, inside):
    # type: (str, Tree, str, object) -> object
    spec = sys.modules["_frozen_importlib"].ModuleSpec(name, loader, origin=place)
    spec.has_location = True
    if inside:
        spec.submodule_search_locations = inside
    return spec


def start(path, file, trees):
    # type: (str, object, object) -> None
    if sys.version_info >= (3, 9):  # noqa: UP036
        mark = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER[:2].hex()
        if mark in trees:
            offset, length = trees[mark]
            index = zlib.decompress(os.pread(file.fileno(), length, offset), -15)
            sys.meta_path.insert(0, Tree(path, file.fileno(), *marshal.loads(index)))
            return
    sys.path.insert(0, path)


import marshal
import os
import zlib
