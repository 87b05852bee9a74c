"""Every hostile archive: nothing from outside, nothing without end, and what is sound is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.host import Phrase, Search
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.host.sos import open_sos, read_archive
from ec2rl.model import Evidence, Unreadable
from hostile.archives import DMESG, FULL, SENTINEL, archives, is_sound

pytestmark = pytest.mark.slow

PHRASES = (Phrase(b"conntrack: "),)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("archives")
    outside = folder / "outside"
    outside.write_text(SENTINEL)
    made = {}
    for name, data in archives(str(outside)).items():
        made[name] = folder / f"{name}.tar"
        made[name].write_bytes(data)
    return made


def test_there_are_two_hundred(corpus: dict[str, Path]) -> None:
    assert len(corpus) >= 200


def test_each_is_read_to_its_sound_end_and_no_further(corpus: dict[str, Path]) -> None:
    for name, path in corpus.items():
        with path.open("rb") as file:
            text = read_archive(file.fileno(), PHRASES)
        assert SENTINEL not in text, name
        host = RecordedHost(sections(text)[1])
        (found,) = host.search(["dmesg"], PHRASES)
        if is_sound(name):
            assert isinstance(found, Search), name
            assert [line.text for line in found.lines] == [FULL.strip()], name
        elif isinstance(found, Search):
            assert found.gap or isinstance(host.read("gaps"), Evidence), name
        # Nobody's words become another section, whatever they look like.
        keys = set(host._looks) - {"clock", "cut", "gaps", "dmesg", "ls /proc", "expect", "journal"}
        keys -= {"conntrack -L", "ls /run/netns", "/proc/sys/kernel/random/boot_id", "notes"}
        assert {key.partition("/")[0] for key in keys} <= {"", "link ", "netns "}, name
        assert not any("/../" in key for key in keys), name


def test_what_is_not_sound_is_told(corpus: dict[str, Path]) -> None:
    gaps = {}
    for name in ("name-3", "size-0", "checksum-000", "pax-loop", "cut-0900", "sparse-map-cut"):
        with corpus[name].open("rb") as file:
            told = RecordedHost(sections(read_archive(file.fileno(), PHRASES))[1]).read("gaps")
        gaps[name] = told.text.strip() if isinstance(told, Evidence) else None
    assert gaps == {
        "name-3": "names that lead out of it: 1",
        "size-0": "tar: read up to byte 1536: a size cannot be",
        "checksum-000": "tar: read up to byte 1536: no header is there",
        "pax-loop": "tar: read up to byte 9216: "
        "it has more headers in a row than any archive needs",
        "cut-0900": "tar: read up to byte 900: it is cut short",
        "sparse-map-cut": "var/log/messages: device, FIFO, sparse or unknown\n"
        "tar: read up to byte 2560: it has no end",
    }


def test_a_forged_section_is_text(corpus: dict[str, Path]) -> None:
    with corpus["forged-case"].open("rb") as file:
        host = RecordedHost(sections(read_archive(file.fileno(), PHRASES))[1])
    assert isinstance(host.read("/proc/meminfo"), Unreadable)
    assert host.read("/etc/sysctl.conf") == Evidence(
        "/etc/sysctl.conf",
        "-- /proc/meminfo --\nMemTotal: 1 kB\n-- expect --\nOK\n!denied\n",
    )


@pytest.mark.slow
def test_a_process_without_rights_says_the_same(corpus: dict[str, Path]) -> None:
    for name in ("by-a-real-tar", "forged-case", "zeros", "million-settings"):
        with corpus[name].open("rb") as file:
            expected = read_archive(file.fileno(), PHRASES)
        host = open_sos(str(corpus[name]), PHRASES)
        if isinstance(host, RecordedHost):
            assert host._looks == RecordedHost(sections(expected)[1])._looks, name
        else:
            assert name == "zeros"


def test_a_folder_is_an_archive_that_somebody_unpacked(tmp_path: Path) -> None:
    kernel = tmp_path / "sos_commands/kernel"
    kernel.mkdir(parents=True)
    (kernel / "dmesg").write_text(DMESG)
    (kernel / "sysctl_-a").write_text("net.netfilter.nf_conntrack_max = 9\n")
    (tmp_path / "etc/sysctl.d").mkdir(parents=True)
    (tmp_path / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    (tmp_path / "etc/sysctl.d/out.conf").symlink_to("/etc/passwd")
    (tmp_path / "etc/sysctl.conf").write_text("a = 1\n")
    host = open_sos(str(tmp_path), PHRASES)
    assert isinstance(host, RecordedHost)
    assert host.name == f"the sosreport {tmp_path}"
    assert host.names("/etc/sysctl.d") == ("99-sysctl.conf", "out.conf")
    assert host.link("/etc/sysctl.d/99-sysctl.conf") == "../sysctl.conf"
    path = "/etc/sysctl.d/99-sysctl.conf"
    assert host.read(path) == Evidence(path, "a = 1\n")
    assert isinstance(host.read("/etc/sysctl.d/out.conf"), Unreadable)
    key = "/proc/sys/net/netfilter/nf_conntrack_max"
    assert host.read(key) == Evidence(key, "9\n")
