"""Evidence in which NULs stand where text was: after a power cut, or in an unfinished download."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from ec2rl.host import Phrase, Search
from ec2rl.host.files import open_regular
from ec2rl.host.holes import hole
from ec2rl.host.search import search_paths
from host.test_sos import COMMON, packed
from test_cut import cut_of
from test_offline import QUIET, judged, saved

EC2RL = Path(__file__).resolve().parents[1]
LOG = (
    QUIET + "".join(f"[{n:5}.000000] device lo left promiscuous mode\n" for n in range(5000, 8000))
).encode()
SYSLOG = b"".join(
    b"Nov 26 09:%02d:%02d h kernel: [%d.0] device lo left promiscuous mode\n"
    % (n // 60, n % 60, 1000 + n)
    for n in range(3000)
)
PARTS = {"its tail": (50_000, len(LOG)), "its middle": (50_000, 90_960), "a line": (70_001, 70_040)}


def holed(data: bytes, start: int, end: int) -> bytes:
    return data[:start] + bytes(end - start) + data[end:]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.more
def test_a_log(tmp_path: Path, part: str, pack: type[bytes]) -> None:
    start, end = PARTS[part]
    assert judged(tmp_path, f"--log={saved(tmp_path, 'log', pack(LOG))}")["verdict"] == "OK"
    found = judged(tmp_path, f"--log={saved(tmp_path, 'log', pack(holed(LOG, start, end)))}")
    assert found["verdict"] == "UNKNOWN"
    words = f"{end - start} bytes of NULs at byte {start}: a part of it is missing"
    assert words in str(found)


@pytest.mark.parametrize("name", ["sos_commands/kernel/dmesg", "var/log/messages"])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.more
def test_a_log_in_a_sosreport(tmp_path: Path, name: str, part: str) -> None:
    files = {**COMMON, "sos_commands/kernel/dmesg": LOG}
    assert judged(tmp_path, f"--sos={packed(tmp_path, files)}")["verdict"] == "OK"
    text = LOG if name.endswith("dmesg") else SYSLOG
    files[name] = holed(text, *PARTS[part])
    assert judged(tmp_path, f"--sos={packed(tmp_path, files)}")["verdict"] == "UNKNOWN"


def test_settings_in_a_sosreport(tmp_path: Path) -> None:
    text = "net.netfilter.nf_conntrack_count = 100\n" * 2 + "\0" * 40 + "\n"
    path = Path(packed(tmp_path, {**COMMON, "sos_commands/kernel/sysctl_-a": text}))
    assert cut_of(path, path.read_bytes()) == "a file in it is cut or damaged"


@pytest.mark.parametrize("records", [1, 3, 20, 33])
def test_an_archive_whose_tail_is_blank(tmp_path: Path, records: int) -> None:
    """From the end of a member on, and in the size that it had."""
    path = tmp_path / "report.tar"
    packed(tmp_path, {**COMMON, "sos_commands/kernel/dmesg": LOG, "x": bytes(10240 * records)})
    with tarfile.open(path) as tar:
        last = tar.getmembers()[-1].offset
    data = path.read_bytes()
    assert cut_of(path, data) == ""
    assert cut_of(path, holed(data, last, len(data))) == "the archive is cut or damaged"


@pytest.mark.more
def test_a_recording(tmp_path: Path) -> None:
    case = (EC2RL / "src/ec2rl/demo/full-table.case").read_bytes() + b"-- expect --\n"
    path = saved(tmp_path, "a.case", case)
    assert judged(tmp_path, f"--replay={path}")["verdict"] == "PROBLEM"
    lines = case.split(b"\n")
    blank = b"\n".join(bytes(len(one)) if b"table full" in one else one for one in lines)
    found = judged(tmp_path, f"--replay={saved(tmp_path, 'a.case', blank)}")
    assert "a part of the recording is NULs" in str(found)
    quiet = b"\n".join(one for one in lines if b"table full" not in one)
    assert "NULs" not in str(judged(tmp_path, f"--replay={saved(tmp_path, 'a.case', quiet)}"))


@pytest.mark.parametrize("window", [0, 1, 255])
def test_across_the_edges_of_what_is_read_at_once(tmp_path: Path, window: int) -> None:
    """Plain files of a volume or of this machine."""
    for size in (40, 600_000):
        start = (512 << 10) - 20 - window
        path = tmp_path / "messages"
        path.write_bytes(holed(SYSLOG * 10, start, start + size))
        (found,) = search_paths([str(path)], open_regular, [Phrase(b"table full")])
        assert isinstance(found, Search)
        assert found.gap == f"{size} bytes of NULs at byte {start}: a part of it is missing"


def test_what_is_no_hole() -> None:
    """Noise of a serial line, what copytruncate leaves before a log, text of two bytes a letter."""
    for text in (
        b"a\0b" * 100,
        b"a" + bytes(15) + b"b",
        bytes(9000) + b"a",
        b"a\0" * 99,
        b"",
        b"a",
    ):
        assert hole(text) == ""
    assert hole(bytes(100)) == "100 bytes of NULs at byte 0: a part of it is missing"
    assert hole(b"a" + bytes(16)) == "16 bytes of NULs at byte 1: a part of it is missing"
    words = "116 bytes of NULs in 2 places, the first at byte 1: a part of it is missing"
    assert hole(b"a" + bytes(16) + b"b" + bytes(100)) == words
