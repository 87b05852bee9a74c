"""Every bomb: an end, a bounded answer, and the truth about what was not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.host import Phrase
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.host.saved import Saved
from ec2rl.host.saved_logs import read_logs
from ec2rl.host.sos import read_archive
from hostile.archives import FULL
from hostile.bombs import bombs

pytestmark = pytest.mark.slow

PHRASES = (Phrase(b"conntrack: "),)
MIB = 24


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bombs")
    made = {}
    for name, data in bombs(MIB):
        made[name] = folder / name
        made[name].write_bytes(data)
    return made


def recording(path: Path) -> str:
    with path.open("rb") as file:
        if ".tar." in path.name:
            return read_archive(file.fileno(), PHRASES)
        return read_logs([Saved(path.name, file.fileno())], PHRASES)


def told(path: Path) -> str:
    """The gaps that are told of a file, wherever."""
    _, looks = sections(recording(path))
    return looks.get("gaps", "") + "".join(key for key in looks if "gap=" in key)


def test_there_are_sixty(corpus: dict[str, Path]) -> None:
    assert len(corpus) >= 60


def test_each_gives_a_bounded_recording(corpus: dict[str, Path]) -> None:
    for name, path in corpus.items():
        text = recording(path)
        assert len(text) < 12 << 20, name
        assert isinstance(RecordedHost(sections(text)[1]), RecordedHost)


@pytest.mark.parametrize("pack", ["gz", "xz", "bz2"])
def test_a_flood_is_no_bomb(corpus: dict[str, Path], pack: str) -> None:
    _, looks = sections(recording(corpus[f"flood.log.{pack}"]))
    (key,) = (key for key in looks if key.startswith("dmesg; "))
    lines = MIB * ((1 << 20) // len(FULL))
    notes = dict(note.partition("=")[::2] for note in key.split("; ")[1:])
    assert int(notes["unpacked"]) == MIB << 20
    assert lines <= int(notes["hits"]) <= lines + MIB


@pytest.mark.parametrize(
    ("name", "gap"),
    [
        ("cut-020.tar.gz", "cut short"),
        ("cut-020.tar.xz", "cut short"),
        ("flipped.tar.xz", "unpacked up to byte"),
        ("tail-of-noise.log.gz", "what follows there is no gzip"),
        ("large-member.tar.gz", "it has no end"),
        ("dictionary.log.xz", ""),
    ],
)
def test_what_was_not_read_is_told(corpus: dict[str, Path], name: str, gap: str) -> None:
    assert gap in told(corpus[name])
    assert told(corpus[name])
