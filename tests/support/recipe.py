"""Follow a text in a copy of the project: write the files that it shows, run its commands there.

A fenced block that names a file behind its language is written into that file; one in `diff`
changes it. In a block in `console` the lines from `$ ` on are run, and those below are the answer.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CHECK = """#!/bin/sh
[ "$1" = --accept ] && shift && exec python3 tests/modules/accept.py "$@"
exit 2
"""
"""`./check` of the copy: without environments of its own."""


def copy_of_the_project(folder: Path) -> Path:
    """What is needed to add to it, without the cases that there are."""
    for name in ("src/ec2rl", "tests/support"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "tests/modules").mkdir()
    for name in ("ec2rl", "new-module", "pyproject.toml", "tests/conftest.py"):
        shutil.copy2(ROOT / name, folder / name)
    for path in (ROOT / "tests/modules").glob("*.py"):
        shutil.copy2(path, folder / "tests/modules")
    (folder / "check").write_text(_CHECK)
    (folder / "check").chmod(0o755)
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to(os.path.realpath(sys.executable))
    return folder


def said_by(folder: Path, command: str) -> str:
    """What a command says in a copy of the project, on both streams."""
    python = folder / "bin/python3"
    path = f"{python.parent}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={"PATH": path, "EC2RL_PYTHON": str(python), "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


def followed(text: str, folder: Path) -> str:
    """The text with what its commands say today, in a copy of the project that it has changed."""

    def follow(match: re.Match[str]) -> str:
        kind, name, body = match.groups()
        if kind == "console":
            commands = [line for line in body.splitlines() if line.startswith("$ ")]
            body = "".join(f"{line}\n{said_by(folder, line[2:])}" for line in commands)
        elif name is not None and kind == "diff":
            _change(folder / name, body)
        elif name is not None:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(body, encoding="utf-8")
        return f"```{kind}{' ' * bool(name)}{name or ''}\n{body}```"

    return _BLOCK.sub(follow, text)


def _change(path: Path, body: str) -> None:
    """Put the lines behind `+` and ` ` where those behind `-` and ` ` stand, once."""
    lines = body.splitlines(keepends=True)
    old, new = ("".join(one[1:] for one in lines if one[0] in marks) for marks in ("- ", "+ "))
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} has not once: {old}"
    path.write_text(text.replace(old, new), encoding="utf-8")
