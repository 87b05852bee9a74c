"""A Python that lacks modules, as python3-minimal does: the program is run by one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

MAIN = Path(__file__).resolve().parents[2] / "src/ec2rl/__main__.py"

_WITHOUT = """
import sys
without = sys.argv.pop(1).split(",")
def hook(event, arguments):
    if event == "import" and arguments[0] in without:
        raise ImportError("No module named '" + arguments[0] + "'")
sys.addaudithook(hook)
sys.argv[0] = {main!r}
with open({main!r}) as file:
    code = compile(file.read(), {main!r}, "exec")
exec(code, {{"__name__": "__main__", "__file__": {main!r}, "__package__": ""}})
"""


def ec2rl(without: Collection[str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a Python that lacks these modules."""
    code = _WITHOUT.format(main=str(MAIN))
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, ",".join(without), *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
