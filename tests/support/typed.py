"""Commands that the program prints: collected, and typed as they stand."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def shell(
    words: str, answer: str = "n\n", user: Sequence[str] = (), folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """What a person types in the project's folder, and says to whatever is asked."""
    return subprocess.run(
        [*user, "sh", "-c", words],
        cwd=folder,
        input=answer,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def printed(text: str, name: str = "./ec2rl") -> list[str]:
    """The commands of this program in what it says, up to what is no part of them."""
    found = re.findall(rf"(?:sudo )?{re.escape(name)} [^\n(;,`)]*", text)
    ends = (re.split(" says | tells ", one)[0].strip() for one in found)
    return list(dict.fromkeys(ends))
