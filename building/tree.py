"""The tree of files that a package puts onto a system, the same for deb and rpm."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from building.completion import bash, fish, zsh
from building.manual import man_page
from building.sources import ROOT

HOME = "usr/share/ec2rl"
"""Where the program is: the launcher, and the package beside it as in a checkout."""


def packed(text: bytes) -> bytes:
    """Give what gzip makes of a text, without a time or a name."""
    return gzip.compress(text, 9, mtime=0)


def lay(root: Path, names: Iterable[str], version: str, when: int) -> None:
    """Lay the files below a folder; every file and folder of it gets the time `when`."""
    texts = {
        f"{HOME}/ec2rl": (ROOT / "ec2rl").read_bytes(),
        **{f"{HOME}/src/{name}": (ROOT / "src" / name).read_bytes() for name in names},
        "usr/share/man/man8/ec2rl.8.gz": packed(man_page(version, when).encode()),
        "usr/share/bash-completion/completions/ec2rl": bash().encode(),
        "usr/share/zsh/vendor-completions/_ec2rl": zsh().encode(),
        "usr/share/fish/vendor_completions.d/ec2rl.fish": fish().encode(),
    }
    for name, data in texts.items():
        write(root / name, data, 0o755 if name == f"{HOME}/ec2rl" else 0o644)
    link = root / "usr/bin/ec2rl"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("../share/ec2rl/ec2rl")


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def date(root: Path, when: int) -> None:
    """Give all below a folder one time, and folders the mode that systems have."""
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            os.utime(Path(folder, name), (when, when), follow_symlinks=False)
        os.chmod(folder, 0o755)  # noqa: S103 - as every folder of a system
        os.utime(folder, (when, when))


def empty(folder: Path) -> Path:
    """Give a folder that is new."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
