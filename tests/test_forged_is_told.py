"""Lines that look like the kernel's and are not: left out of the verdict, and never in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.test_sos import MESSAGE
from test_offline import QUIET, run, saved

pytestmark = pytest.mark.more

START = "kern  :notice: [    0.000000] Linux version 6.1.0 (x@y)\nkern  :info  : [    0.100000] x\n"
FORGED = {
    "dmesg -x": f"{START}user  :notice: [  100.000000] {MESSAGE}\n",
    "dmesg -r": f"<5>[    0.000000] Linux version 6.1.0 (x@y)\n<13>[  100.000000] {MESSAGE}\n",
    "kmsg": f"5,1,0,-;Linux version 6.1.0 (x@y)\n6,2,5,-;x\n12,3,100000000,-;{MESSAGE}\n",
    "a daemon's": f"{START}daemon:warn  : [  100.000000] {MESSAGE}\n",
}


@pytest.mark.parametrize("form", FORGED)
def test_below_any_verdict_it_is_quoted(tmp_path: Path, form: str) -> None:
    done = run(tmp_path, saved(tmp_path, "log", FORGED[form]))
    assert "[SUCCESS] No conntrack table full errors found." in done.stdout
    said = "-- Not the kernel's: 1 line that someone wrote in its name, the first in dmesg: "
    assert f"{said}{MESSAGE}" in done.stdout
    assert "Not the kernel's" not in run(tmp_path, "-q", str(tmp_path / "log")).stdout


def test_where_none_is_forged_nothing_is_said(tmp_path: Path) -> None:
    assert "Not the kernel's" not in run(tmp_path, saved(tmp_path, "log", QUIET)).stdout
