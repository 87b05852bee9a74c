"""Files that want to be taken for more than they are, or to keep their reader busy."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path

import pytest

from evidence.test_kinds import STATS
from host.test_sos import packed
from test_door import judged, sysctl, taken, verdict
from test_offline import QUIET, WHOLE, run, saved

pytestmark = pytest.mark.more

NAMES = [
    "a\x1b[2J\n-- expect --\nOK conntrackfull: x",
    "a; path=x",
    "--log=x",
    "a\udcff\x9b",
    "sosreport-web1.tar.xz",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sampled(3)
def test_a_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    saved(tmp_path / "f", name, WHOLE)
    saved(tmp_path / "f", f"{name}2", STATS)
    done = run(tmp_path, str(tmp_path / "f"), f"--record={tmp_path / 'r'}")
    assert (done.returncode, done.stderr) == (1, "")
    assert "\x1b" not in done.stdout
    (again,) = judged(tmp_path, str(tmp_path / "r"))
    assert verdict(again) == "PROBLEM"


def test_the_names_are_masked(tmp_path: Path) -> None:
    saved(tmp_path, "acmefolder/acme-web.txt", WHOLE)
    saved(tmp_path, "acmefolder/acme-S.txt", STATS)
    for words in (["acmefolder"], ["acmefolder/acme-web.txt", "acmefolder/acme-S.txt"]):
        (tmp_path / "r").unlink(missing_ok=True)
        done = run(tmp_path, *words, f"--record={tmp_path}/r", "--mask", cwd=tmp_path)
        assert done.returncode == 1
        assert "acme" not in (tmp_path / "r").read_text()


def test_links_lead_nowhere(tmp_path: Path) -> None:
    """Neither out of the folder, nor round in it, and nothing is read through them."""
    folder = tmp_path / "f"
    saved(folder, "log", QUIET)
    saved(tmp_path, "outside", WHOLE)
    (folder / "out").symlink_to("../outside")
    (folder / "loop").symlink_to(".")
    (folder / "etc").symlink_to("/etc")
    (one,) = judged(tmp_path, str(folder))
    assert taken(one, folder) == ["log dmesg"]
    assert verdict(one) == "UNKNOWN"  # what they lead to may be a log
    assert len(one["host"]["gaps"]) == 3


def test_what_is_too_much_is_told_and_is_no_silence(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    saved(folder, "0", QUIET)
    for number in range(100, 550):
        saved(folder, f"{number}", f"Sep 21 14:00:00 web1 kernel: [   20.000000] {number}\n")
    (one,) = judged(tmp_path, str(folder))
    assert len(one["host"]["evidence"]) == 400
    assert verdict(one) == "UNKNOWN"
    assert one["host"]["gaps"][0].endswith(": too many")
    deep = tmp_path / "d"
    saved(deep / "/".join("abcdefghijkl"), "log", QUIET)
    saved(deep, "z", QUIET)
    (one,) = judged(tmp_path, str(deep))
    assert verdict(one) == "UNKNOWN"


def test_a_bomb_is_told_by_its_beginning(tmp_path: Path) -> None:
    """Gzip of zeros, of empty lines, and of a setting that has no end."""
    started = time.monotonic()
    for text in (b"\0", b"\n", b"a.b = 1 "):
        bomb = gzip.compress(text * (200_000_000 // len(text)))
        (one,) = judged(tmp_path, saved(tmp_path, "l", QUIET), saved(tmp_path, "b", bomb))
        assert verdict(one) in ("OK", "UNKNOWN")
    assert time.monotonic() - started < 60


def test_files_that_pretend(tmp_path: Path) -> None:
    """A log that begins as settings, a page that begins as a log: what follows is no silence."""
    settings = "net.ipv4.ip_forward = 1\n" * 10
    mixed = saved(tmp_path, "m", settings + WHOLE * 2)
    (one,) = judged(tmp_path, saved(tmp_path, "l", QUIET), mixed)
    assert verdict(one) != "OK"
    recording = "-- clock --\nnow=2026-11-24T02:00:00Z uptime=1\n" + WHOLE
    (one,) = judged(tmp_path, saved(tmp_path, "r", recording))
    assert verdict(one) == "UNKNOWN"


def test_a_sparse_giant_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "lastlog", "wb") as file:
        file.write(b"\x01" * 4096)
        os.truncate(file.fileno(), 1 << 40)
    started = time.monotonic()
    (one,) = judged(tmp_path, str(tmp_path / "lastlog"), saved(tmp_path, "l", QUIET))
    assert one["host"]["gaps"] == [f"{tmp_path}/lastlog: binary data of no format that is known"]
    assert verdict(one) == "UNKNOWN"
    assert time.monotonic() - started < 30


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    other = packed(tmp_path, {"photos/1.jpg": "x"})
    (one,) = judged(tmp_path, other)
    assert verdict(one) == "UNKNOWN"
    assert one["host"]["evidence"][0]["kind"] == "tar archive"
    assert "it holds nothing of a sosreport" in one["results"][0]["summary"]
    assert "unpack it, and name its folder" in one["results"][0]["summary"]


def test_a_machine_for_each_file_has_an_end(tmp_path: Path) -> None:
    files = [sysctl(tmp_path, f"s{n}", f"host{n}") for n in range(70)]
    done = run(tmp_path, *files)
    assert done.returncode == 2
    assert "files of more than 64 machines" in done.stderr
    done = run(tmp_path, "--json", *files[:3])
    assert len(json.loads(done.stdout)["reports"]) == 3
