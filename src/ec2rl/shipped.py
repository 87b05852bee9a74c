"""The files that ship with the program, in its folder or within the one file of a release."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FOLDER = os.path.dirname(__file__)
_LIST = "FILES"
"""The names of all files, a line each, which a release keeps; an archive is not listed."""
_listed: list[str] = []


def path(name: str) -> str:
    """Give the whole path of a file below the package; of one in an archive, behind its path."""
    return os.path.join(_FOLDER, name)


def text(name: str) -> str:
    """Give the text of a file below the package. OSError where there is none."""
    loader: Any = globals()["__loader__"]
    data: bytes = loader.get_data(path(name))
    return data.decode()


def names(folder: str = "") -> tuple[str, ...]:
    """Give the names of the files and folders in a folder below the package, sorted.

    OSError where there is no such folder, or it may not be read.
    """
    try:
        return tuple(sorted(os.listdir(path(folder))))
    except NotADirectoryError:  # within an archive
        start = folder and folder + "/"
        inside = {one[len(start) :].split("/")[0] for one in _all() if one.startswith(start)}
        if not inside - {""}:
            raise FileNotFoundError(2, "no such folder", folder) from None
        return tuple(sorted(inside - {""}))


def has(name: str) -> bool:
    """Tell whether there is a file below the package that may be looked for."""
    try:
        os.stat(path(name))
    except NotADirectoryError:  # within an archive
        return name in _all()
    except OSError:
        return False
    return True


def _all() -> list[str]:
    if not _listed:
        _listed.extend(text(_LIST).split("\n"))
    return _listed
