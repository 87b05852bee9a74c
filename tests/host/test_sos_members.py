"""Members that say more than one thing, or that cannot be read: such a report is not whole."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Callable

import pytest

from ec2rl.host import Phrase
from ec2rl.host.recording import sections
from ec2rl.host.sos import read_archive
from host.test_sos import COMMON, MACHINE, MESSAGE, SYSTEM, TOP
from test_offline import QUIET, WHOLE, judged

pytestmark = pytest.mark.more

PHRASES = (Phrase(b"conntrack: "),)
LINE = f"Sep 21 14:15:00 host kernel: [  100.000000] {MESSAGE}\n"
JOURNAL = f"var/log/journal/{MACHINE}/system.journal"
FILES: dict[str, str | bytes] = {
    **COMMON,
    "sos_commands/kernel/dmesg": QUIET,
    "sos_commands/kernel/dmesg_-T": QUIET,
    "sos_commands/logs/journalctl_--no-pager": "x\n",
    "var/log/messages": "Sep 21 14:15:00 host x: y\n",
}
BSDTAR = shutil.which("bsdtar") or ""


def report(folder: Path, **more: str | bytes) -> Path:
    """The folder of a sosreport, to be packed by the tar program."""
    top = folder / TOP
    for name, text in {**FILES, **more}.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return top


def tar(folder: Path, *options: str, program: str = "tar") -> Path:
    path = folder / "report.tar"
    subprocess.run([program, *options, "-f", str(path)], cwd=folder, check=True)
    return path


def pack(folder: Path, *options: str, program: str = "tar") -> Path:
    """All of the report, in the order of its names."""
    path = folder / "report.tar"
    names = sorted(str(one.relative_to(folder)) for one in (folder / TOP).rglob("*"))
    names = [name for name in names if not (folder / name).is_dir() or (folder / name).is_symlink()]
    subprocess.run([program, *options, "-cf", str(path), *names], cwd=folder, check=True)
    return path


def told(path: Path) -> tuple[str, str]:
    """What is the matter with an archive, and its gaps."""
    with path.open("rb") as file:
        looks = sections(read_archive(file.fileno(), PHRASES))[1]
    return looks.get("cut", "").strip(), looks.get("gaps", "").strip()


def test_a_whole_one(tmp_path: Path) -> None:
    report(tmp_path)
    path = pack(tmp_path)
    assert told(path) == ("", "")
    assert judged(tmp_path, f"--sos={path}")["verdict"] == "OK"


@pytest.mark.parametrize(
    "name",
    [
        "sos_commands/kernel/dmesg",
        "sos_commands/kernel/dmesg_-T",
        "sos_commands/logs/journalctl_--no-pager",
        "var/log/messages",
        "etc/os-release",
        "sos_commands/kernel/sysctl_-a",
    ],
)
@pytest.mark.sampled(3)
def test_a_member_that_came_again(tmp_path: Path, name: str) -> None:
    """Whoever unpacks it gets the last one."""
    place = report(tmp_path) / name
    pack(tmp_path)
    with place.open("a") as file:
        file.write(LINE)
    path = tar(tmp_path, "-r", f"{TOP}/{name}")
    assert told(path) == (
        "a file in it came again",
        f"{name}: it came again: only the first was read",
    )
    assert judged(tmp_path, f"--sos={path}")["verdict"] == "UNKNOWN"


def test_a_journal_and_a_log_that_came_again_as_a_link(tmp_path: Path) -> None:
    top = report(tmp_path, **{JOURNAL: b""})
    for name in (JOURNAL, "var/log/messages"):
        pack(tmp_path)
        (top / name).unlink()
        (top / name).symlink_to("other")
        assert told(tar(tmp_path, "-r", f"{TOP}/{name}"))[0] == "a file in it came again"


def test_a_member_that_came_again_below_no_folder(tmp_path: Path) -> None:
    top = report(tmp_path)
    path = pack(tmp_path)
    options = ["-C", str(top), "-r", "-f", str(path), "sos_commands/kernel/dmesg"]
    subprocess.run(["tar", *options], check=True)
    assert told(path)[0] == "a file in it came again"


def test_two_names_of_the_kernels_log_are_no_repetition(tmp_path: Path) -> None:
    report(tmp_path, **{"sos_commands/general/dmesg": QUIET})
    assert told(pack(tmp_path))[0] == ""


def with_hole(text: str) -> Callable[[Path], None]:
    """Writes a file with a hole in its midst, which is kept only where programs look for them."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b"x\n" * 4096)
            file.seek(1 << 20)
            file.write(f"\n{text}".encode())

    return write


SPARSE = [
    ("tar", "-S", "--format=gnu"),
    ("tar", "-S", "--format=posix"),
    ("tar", "-S", "--format=posix", "--sparse-version=0.0"),
    ("tar", "-S", "--format=posix", "--sparse-version=0.1"),
    ("bsdtar",),
]


@pytest.mark.parametrize("name", ["var/log/messages", "sos_commands/kernel/dmesg", JOURNAL])
@pytest.mark.parametrize("how", SPARSE, ids=" ".join)
@pytest.mark.sampled(4)
def test_a_file_with_holes(tmp_path: Path, how: tuple[str, ...], name: str) -> None:
    """Its name is in a record of its own; what it holds is not read."""
    if how[0] == "bsdtar" and not BSDTAR:
        pytest.skip("no bsdtar here")
    top = report(tmp_path, **{name: b""})
    with_hole(LINE)(top / name)
    if (top / name).stat().st_blocks * 512 >= 1 << 20:
        pytest.skip("no holes here")
    path = pack(tmp_path, *how[1:], program=how[0])
    assert told(path) == (
        "a file in it is of a kind that is not read",
        f"{name}: device, FIFO, sparse or unknown",
    )
    assert judged(tmp_path, f"--sos={path}")["verdict"] == "UNKNOWN"


def test_a_file_that_nobody_wants_may_have_holes(tmp_path: Path) -> None:
    with_hole(LINE)(report(tmp_path) / "var/log/other")
    for how in SPARSE[:4]:
        assert told(pack(tmp_path, *how[1:])) == ("", "")


def test_a_fifo_for_a_log(tmp_path: Path) -> None:
    top = report(tmp_path)
    (top / "var/log/messages").unlink()
    os.mkfifo(top / "var/log/messages")
    assert told(pack(tmp_path))[0] == "a file in it is of a kind that is not read"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("var/log/messages", LINE),
        ("var/log/messages-20260920", LINE),
        ("sos_commands/kernel/dmesg", WHOLE),
        ("sos_commands/logs/journalctl_--no-pager", LINE),
        (JOURNAL, SYSTEM),
        ("etc/sysctl.conf", "net.netfilter.nf_conntrack_max = 9\n"),
        ("sos_commands/conntrack/conntrack_-S", "cpu=0 drop=5\n"),
    ],
)
@pytest.mark.sampled(3)
def test_a_hard_link_to_what_was_passed_by(tmp_path: Path, name: str, text: str) -> None:
    """The name that comes first has the content, and it is none that anybody looks for."""
    top = report(tmp_path, **{name: text})
    os.link(top / name, top / "aaa.log")
    path = pack(tmp_path)
    assert told(path) == (
        "a link in it leads to what was not read",
        f"{name}: a link to aaa.log",
    )
    assert judged(tmp_path, f"--sos={path}")["verdict"] in ("UNKNOWN", "PROBLEM")


def test_a_hard_link_to_what_was_read(tmp_path: Path) -> None:
    """As a program makes them that looks for files of one content."""
    files: dict[str, str | bytes] = {
        "var/log/kern.log": "x\n",
        "sos_commands/general/dmesg": QUIET,
        JOURNAL: SYSTEM,
        "etc/sysctl.conf": "a = 1\n",
    }
    top = report(tmp_path, **files)
    os.link(top / "var/log/kern.log", top / "var/log/syslog")
    os.link(top / "sos_commands/general/dmesg", top / "sos_commands/kernel/dmesg-")
    (top / "sos_commands/kernel/dmesg-").replace(top / "sos_commands/kernel/dmesg")
    os.link(top / JOURNAL, (top / JOURNAL).with_name("user.journal"))
    (top / "etc/sysctl.d").mkdir()
    os.link(top / "etc/sysctl.conf", top / "etc/sysctl.d/99-sysctl.conf")
    assert told(pack(tmp_path))[0] == ""


def test_a_log_that_is_a_link_to_where_nothing_was_read(tmp_path: Path) -> None:
    """A machine's log on another disk: the report has it below a folder that nobody looks at."""
    top = report(tmp_path, **{"data/log/messages": LINE, "sos_strings/logs/s.tailed": LINE})
    (top / "var/log/syslog").symlink_to("../../sos_strings/logs/s.tailed")
    (top / "etc/localtime").symlink_to("../usr/share/zoneinfo/UTC")
    assert told(pack(tmp_path))[0] == ""
    (top / "var/log/messages").unlink()
    (top / "var/log/messages").symlink_to("/data/log/messages")
    expected = (
        "a link in it leads to what was not read",
        "var/log/messages: a link to data/log/messages",
    )
    assert told(pack(tmp_path)) == expected
    found = judged(tmp_path, f"--sos={top}")
    assert found["verdict"] == "WARNING"  # by the other log: what was found counts


def test_more_links_than_are_kept(tmp_path: Path) -> None:
    top = report(tmp_path)
    links = top / "sys/class/net"
    links.mkdir(parents=True)
    for number in range(2000):
        (links / f"{number}").symlink_to("x")
    assert told(pack(tmp_path))[0] == ""
    os.link(top / "var/log/messages", top / "var/log/syslog")
    assert told(pack(tmp_path))[0] == "not all of its links were followed"


PACKED = {
    "messages-1.zst": ["zstd", "-qc"],
    "messages-1.lz4": ["lz4", "-qc"],
    "messages-1.xz": ["xz", "-c"],
    "syslog.7.gz": ["gzip", "-c"],
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("as_folder", [False, True])
def test_rotated_logs_packed_in_each_way(tmp_path: Path, name: str, as_folder: bool) -> None:
    """What `run FILE` unpacks is unpacked in a report, too; what is cut is never silence."""
    program = PACKED[name]
    if shutil.which(program[0]) is None:
        pytest.skip(f"no {program[0]} here")
    packed = subprocess.run(program, input=LINE.encode(), capture_output=True, check=True).stdout
    for data, verdict in ((packed, "WARNING"), (packed[:-9], "UNKNOWN"), (packed[:20], "UNKNOWN")):
        top = report(tmp_path, **{f"var/log/{name}": data})
        path = top if as_folder else pack(tmp_path)
        found = judged(tmp_path, f"--sos={path}")["verdict"]
        assert found == verdict or (found, data) == ("WARNING", packed[:-9])  # its end alone is cut


@pytest.mark.parametrize("name", ["messages-1.lz", "kern.log.1", "syslog-1"])
def test_a_log_that_cannot_be_unpacked(tmp_path: Path, name: str) -> None:
    report(tmp_path, **{f"var/log/{name}": b"LZIP\1" + bytes(range(99))})
    path = pack(tmp_path)
    assert told(path) == (
        "a log in it could not be read",
        f"/var/log/{name}: failed (no lzip here: not read)",
    )
    assert judged(tmp_path, f"--sos={path}")["verdict"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({"var/log/dmesg": QUIET}, "UNKNOWN"),
        ({"var/log/dmesg": QUIET, "var/log/messages": "Sep 21 14:15:00 host x: y\n"}, "UNKNOWN"),
        ({"var/log/dmesg": WHOLE}, "PROBLEM"),
        ({"var/log/dmesg": QUIET, "sos_commands/kernel/dmesg": QUIET}, "OK"),
        ({"var/log/dmesg": QUIET, "sos_commands/kernel/dmesg": WHOLE}, "PROBLEM"),
        ({"var/log/dmesg": WHOLE, "sos_commands/kernel/dmesg": QUIET}, "PROBLEM"),
        ({"var/log/dmesg": QUIET, "var/log/messages": LINE}, "WARNING"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_the_dmesg_of_a_boot_is_silent_of_what_came_later(
    tmp_path: Path, files: dict[str, str], verdict: str, is_first: bool
) -> None:
    path = tmp_path / "logs.tar"
    with tarfile.open(path, "w") as archive:
        for name in sorted(files, reverse=is_first):
            member = tarfile.TarInfo(f"web1/{name}")
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name].encode()))
    assert judged(tmp_path, f"--sos={path}")["verdict"] == verdict


@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        ("var/log/dmesg", WHOLE, "PROBLEM"),
        ("sos_commands/kernel/dmesg_-T", WHOLE, "PROBLEM"),
        ("sos_commands/kernel/dmesg_-T", QUIET, "OK"),
        ("var/log/kernel.log", LINE, "WARNING"),
        ("host/var/log/messages", LINE, "WARNING"),
        ("host/var/log/kern.log.1", LINE, "WARNING"),
        ("host/sos_commands/kernel/dmesg_-T", WHOLE, "PROBLEM"),
    ],
)
def test_logs_beside_a_quiet_ring(tmp_path: Path, name: str, text: str, verdict: str) -> None:
    top = report(tmp_path, **{name: text})
    if name.startswith("host/var/log/messages"):
        (top / "var/log/messages").unlink()
    if name.startswith("host/sos"):
        (top / "sos_commands/kernel/dmesg_-T").unlink()
    assert judged(tmp_path, f"--sos={pack(tmp_path)}")["verdict"] == verdict
    assert judged(tmp_path, f"--sos={top}")["verdict"] == verdict
