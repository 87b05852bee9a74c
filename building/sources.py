"""The files of the program that a release is made of, and the Pythons that compile them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "ec2rl"


def git(*words: str) -> str:
    """Give what git says. CalledProcessError where this is no checkout."""
    return subprocess.run(
        ["git", *words], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def shipped() -> list[str]:
    """Give the paths of all files of the package below `src`, sorted, as git knows them."""
    told = git("ls-files", "--cached", "--others", "--exclude-standard", "src/ec2rl")
    return sorted(path.removeprefix("src/") for path in told.splitlines() if (ROOT / path).exists())


def commit_time() -> int:
    """Give the time of the commit, in seconds since the epoch: every file of a release has it."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct"))


def version() -> str:
    """Give the program's version, without importing it."""
    found = re.search(r'__version__ = "([^"]+)"', (PACKAGE / "__init__.py").read_text())
    assert found is not None
    return found[1]


def pythons() -> list[Path]:
    """Give a Python of each minor version from 3.9 on: of the system, else of pyenv."""
    found = []
    for minor in range(9, 16):
        places = [Path(f"/usr/bin/python3.{minor}"), Path(f"/usr/local/bin/python3.{minor}")]
        places += sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
        found += [place for place in places if os.access(place, os.X_OK)][:1]
    return found
