"""Evidence that is cut: what was found counts, silence does not, and what is missing is unknown."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
from pathlib import Path
from typing import Callable

import pytest

from ec2rl.host import Phrase
from ec2rl.host.recording import sections
from ec2rl.host.sos import read_archive
from host.test_sos import COMMON, MESSAGE, SYSTEM, packed
from host.test_watched import PACKS
from test_offline import QUIET, WHOLE, judged, run, saved, table

pytestmark = pytest.mark.more

PHRASES = (Phrase(b"conntrack: "),)
FILES: dict[str, bytes | str] = {
    **COMMON,
    "sos_commands/kernel/dmesg": QUIET,
    "var/log/journal/0123456789abcdef0123456789abcdef/system.journal": SYSTEM,
}
ENDS = [end for end in PACKS if end != ".zst" or os.access("/usr/bin/zstd", os.X_OK)]


def archive(folder: Path, end: str = "", **more: bytes | str) -> bytes:
    return PACKS[end](Path(packed(folder, {**FILES, **more})).read_bytes())


def cut_of(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with path.open("rb") as file:
        return sections(read_archive(file.fileno(), PHRASES))[1].get("cut", "").strip()


def end_of(path: Path) -> int:
    """Where the last member of an archive ends, and its own end begins."""
    with tarfile.open(path) as tar:
        last = tar.getmembers()[-1]
        return last.offset_data + last.size + -last.size % 512


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.sampled(3)
def test_an_archive_that_is_cut_anywhere(tmp_path: Path, end: str) -> None:
    """In a member, in a header, between members, in the packed stream, in its checksum."""
    data = archive(tmp_path, end)
    path = tmp_path / f"cut.tar{end}"
    assert cut_of(path, data) == ""
    # A plain one is filled up with blanks: what lacks some of these lacks nothing.
    size = len(data) if end else end_of(path) + 1024
    steps = {*range(1, size, 1 + size // 50), *range(512, size, 512), *range(size - 16, size)}
    whole = [place for place in sorted(steps) if not cut_of(path, data[:place])]
    assert whole == []
    assert cut_of(path, data[:size]) == ""


@pytest.mark.parametrize("end", ENDS)
def test_an_archive_with_something_behind_it(tmp_path: Path, end: str) -> None:
    for more in (b"more", b"\n" * 600, bytes(512) + b"x"):
        path = tmp_path / f"more.tar{end}"
        assert cut_of(path, archive(tmp_path, end) + more) == "the archive is cut or damaged"


def test_a_download_that_was_given_all_its_room_at_once(tmp_path: Path) -> None:
    """Its rest is blank, as is the end of an archive."""
    data = archive(tmp_path)
    place = data.index(b"sosreport", 600) // 512 * 512
    assert cut_of(tmp_path / "a", data[:place] + bytes(8 << 20)) == "the archive is cut or damaged"
    assert cut_of(tmp_path / "a", data + bytes(1 << 20)) == "the archive is cut or damaged"


def test_a_lone_blank_block_is_no_end(tmp_path: Path) -> None:
    data = archive(tmp_path)
    data = data[: end_of(tmp_path / "report.tar")]
    assert cut_of(tmp_path / "a", data) == "the archive is cut or damaged"
    assert cut_of(tmp_path / "a", data + bytes(512)) == "the archive is cut or damaged"
    assert cut_of(tmp_path / "a", data + bytes(1024)) == ""


def test_a_sosreport_that_is_cut_is_no_success(tmp_path: Path) -> None:
    """All of dmesg is there, and says nothing: the journal behind it would have."""
    report = tmp_path / "a.tar"
    data = archive(tmp_path)
    report.write_bytes(data[: data.index(b"LPKSHHRH") + 100])
    done = run(tmp_path, "-v", f"--sos={report}")
    assert (done.returncode, done.stderr) == (3, "")
    assert "[UNKNOWN] Cannot tell: the archive is cut or damaged. In what was read: " in done.stdout
    assert "Not whole: the archive is cut or damaged; what is missing may have stood" in done.stdout
    assert "Not read: /var/log: unknown, the archive is cut or damaged" in done.stdout
    assert "Not read: tar: read up to byte" in done.stdout
    report.write_bytes(data[: data.index(b"[    0.0000") - 600])
    done = run(tmp_path, f"--sos={report}")
    assert done.returncode == 3
    assert "/dev/kmsg: unknown, the archive is cut or damaged" in done.stdout


def test_what_was_found_before_the_cut_counts(tmp_path: Path) -> None:
    report = tmp_path / "a.tar"
    data = archive(tmp_path, **{"sos_commands/kernel/dmesg": WHOLE})
    report.write_bytes(data[: data.index(b"LPKSHHRH") + 100])
    found = judged(tmp_path, f"--sos={report}")
    assert found["verdict"] == "PROBLEM"
    assert (
        "Not whole: the archive is cut or damaged; what is missing may have stood there"
        in (found["details"])
    )


def test_a_packed_log_that_is_cut_in_a_sosreport(tmp_path: Path) -> None:
    log = gzip.compress(os.urandom(2000) + WHOLE.encode())
    for data, verdict in ((log, "WARNING"), (log[:-8], "WARNING"), (log[:1500], "UNKNOWN")):
        path = packed(tmp_path, {"sos_commands/kernel/dmesg": QUIET, "var/log/messages-1.gz": data})
        found = judged(tmp_path, f"--sos={path}")
        assert found["verdict"] == verdict  # the line that was found counts
        is_cut = any(line.startswith("Not whole: ") for line in found["details"])
        assert is_cut is (data != log)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_log_that_is_cut(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    end = {gzip.compress: ".gz", bz2.compress: ".bz2"}.get(pack, ".xz")
    data = pack((QUIET + "[   10.0] x\n" * 1000).encode())
    assert judged(tmp_path, f"--log={saved(tmp_path, f'a{end}', data)}")["verdict"] == "OK"
    whole = saved(tmp_path, "dmesg", QUIET)
    for place in (len(data) - 1, len(data) - 12, len(data) // 2, 5):
        other = saved(tmp_path, f"b{end}", data[:place])
        found = judged(tmp_path, f"--log={whole}", f"--log={other}")
        assert found["verdict"] == "UNKNOWN", place


def test_a_saved_table_that_is_cut_rests_no_success(tmp_path: Path) -> None:
    log, path = saved(tmp_path, "dmesg", QUIET), table(tmp_path)
    lines = Path(path).read_bytes()
    whole = judged(tmp_path, f"--log={log}", f"--conntrack={path}")
    assert "not all of the saved table could be read" not in whole["summary"]
    for data in (lines[:-20], gzip.compress(lines)[:-9], b""):
        cut = saved(tmp_path, "cut", data)
        found = judged(tmp_path, f"--log={log}", f"--conntrack={cut}")
        assert found["verdict"] == "UNKNOWN"
        assert "not all of the saved table could be read" in found["summary"]


def recorded(folder: Path, text: str) -> str:
    path = folder / f"recording-{len(text)}"
    log = saved(folder, "dmesg", text)
    assert run(folder, f"--log={log}", f"--record={path}").stderr == ""
    return path.read_text()


def test_a_recording_that_is_cut(tmp_path: Path) -> None:
    text = recorded(tmp_path, QUIET)
    assert judged(tmp_path, f"--replay={saved(tmp_path, 'r', text)}")["verdict"] == "OK"
    kept = text.index("-- expect")
    for place in (len(text) - 1, kept + 9, kept, kept - 3, text.index("Linux"), 200, 60, 10, 0):
        done = run(tmp_path, f"--replay={saved(tmp_path, 'r', text[:place])}")
        assert done.returncode == 3, (place, done.stdout, done.stderr)
        assert "the recording is cut" in done.stdout


def test_a_recording_that_is_cut_behind_its_findings(tmp_path: Path) -> None:
    text = recorded(tmp_path, WHOLE)
    cut = text[: text.index(MESSAGE) + len(MESSAGE) + 5]
    assert judged(tmp_path, f"--replay={saved(tmp_path, 'r', cut)}")["verdict"] == "PROBLEM"


def test_a_recording_of_what_was_cut_says_the_same(tmp_path: Path) -> None:
    report, again = tmp_path / "a.tar", tmp_path / "recording"
    data = archive(tmp_path)
    report.write_bytes(data[: data.index(b"LPKSHHRH") + 100])
    first = judged(tmp_path, f"--sos={report}", f"--record={again}")
    second = judged(tmp_path, f"--replay={again}")
    assert first["verdict"] == second["verdict"] == "UNKNOWN"
    assert "In what was read: " in second["summary"]
    assert "the archive is cut or damaged" in second["summary"]


def test_an_export_whose_last_record_is_cut(tmp_path: Path) -> None:
    from host.test_saved_logs import RECORDS, exported

    text = exported(RECORDS[0], RECORDS[2])
    assert judged(tmp_path, f"--log={saved(tmp_path, 'e', text)}")["verdict"] == "OK"
    for place in (len(text) - 1, len(text) - 9, len(text) // 2):
        found = judged(tmp_path, f"--log={saved(tmp_path, 'e', text[:place])}")
        assert found["verdict"] == "UNKNOWN"


def test_a_file_that_vanishes_from_an_unpacked_sosreport(tmp_path: Path) -> None:
    """Its name was seen, and when its turn came it was not there any more."""
    from ec2rl.host.chroot_fs import Root
    from ec2rl.host.sos_folder import FolderMembers

    folder = tmp_path / "proc"
    folder.mkdir()
    for name in ("cmdline", "meminfo", "version"):
        (folder / name).write_text("x\n")
    members = FolderMembers(Root(str(tmp_path), ours=()), [])
    for member in members:
        if member.name == "proc/cmdline":
            (folder / "meminfo").unlink()
            (folder / "version").write_text("another\n")
    assert members.changes == [
        "proc/meminfo: it vanished",
        "proc/version: it changed before its turn to be read came",
        "proc: names in it changed while the files were read",
    ]
