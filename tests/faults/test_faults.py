"""The short form of the fault harness: a sample of each kind; the whole is `run.py --all`."""

from __future__ import annotations

import os
import shutil

import pytest

from faults import inside, kinds, place, tracer
from faults.every_kind import SCENES
from faults.scene import Scene

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

# Each N-th case of a kind, so that all of them together take about a minute; where every kind of
# change is made there are more cases, and larger ones.
MORE = 8
SAMPLES = {
    "kills": 40,
    "plain": 50,
    "doubles": 480,
    "errors": 180,
    "recoveries": 160,
    "edits": 200,
    "power": 100,
    "raises": 1000,
    "twice": 120,
    "signals": 800,
    "imports": 120,
    "descriptors": 12,
    "free": 100,
    "remediate": 150,
}


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.kernel
@pytest.mark.parametrize(
    ("kind", "what"),
    kinds.each([*kinds.KINDS], [*SCENES.values()]),
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_whatever_strikes_the_machine_is_all_before_or_all_after(
    kind: str, what: Scene, tmp_path: Path
) -> None:
    lack = tracer.missing()
    if lack:
        pytest.skip(lack)
    if kind == "power" and not (shutil.which("mkfs.ext4") and os.path.exists("/dev/loop-control")):
        pytest.skip("a power cut needs ext4 and loop devices")
    every = SAMPLES[kind] * (1 if what.name == "files" else MORE)
    cases = list(kinds.KINDS[kind](place.Place(str(tmp_path), what), every))
    assert [case for case in cases if case.fault] == []
    assert len(cases) >= 3


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.kernel
@pytest.mark.parametrize("what", SCENES.values(), ids=SCENES)
def test_what_strikes_behind_the_rename_of_a_record_finds_all_done(
    what: Scene, tmp_path: Path
) -> None:
    cases = list(inside.commits(place.Place(str(tmp_path), what)))
    assert [case for case in cases if case.fault] == []
    assert len(cases) >= 14
