"""A real machine, broken in each way and booted: its console alone says where it stopped, and why.

    EC2RL_BOOT_BENCH=FOLDER python -m pytest -m slow tests/boot

The machine is built in that folder, once (debootstrap, from a mirror); each boot takes a minute or
several.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from boot.machine import BREAKS, boot, machine_of
from support.log_verdicts import judged

pytestmark = [pytest.mark.slow, pytest.mark.root]


@pytest.fixture(scope="module")
def machine() -> Path:
    found = machine_of(os.environ.get("EC2RL_BOOT_BENCH"))
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.mark.parametrize("way", sorted(BREAKS.glob("*.sh")), ids=lambda way: way.stem)
def test_the_console_says_where_it_stopped(machine: Path, way: Path) -> None:
    expected = way.read_text().partition("\n")[0].removeprefix("# expect: ")
    console = boot(machine, way)
    found = judged(console.encode(), ["bootstopped"])["bootstopped"]
    said = f"{found.verdict.name} {found.facts['stage']} {found.facts['cause']}"
    assert said == expected, console[-4000:]
