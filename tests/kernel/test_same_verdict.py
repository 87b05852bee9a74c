"""One real event, judged on the live machine and from all that can be left of one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.fill import fill, mixture, namespace
from support.packets import let_the_kernel_log

pytestmark = [pytest.mark.kernel, pytest.mark.root, pytest.mark.slow]

EC2RL = Path(__file__).parent.parent.parent / "ec2rl"
FULL = r"(?:nf_conntrack: )+table full.*, dropping packet"
REMOTE = "/lib/systemd/systemd-journal-remote"
MACHINE = "0123456789abcdef0123456789abcdef"
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Event:
    """A folder to work in, the recording of the live machine, and what it said."""

    folder: Path
    recording: Path
    live: dict[str, object]
    table: Path


def judged(folder: Path, *options: str) -> dict[str, object]:
    """The one result of a run, with what its host is told to be."""
    output = folder / "output"
    output.mkdir(mode=0o700, exist_ok=True)
    command = [
        str(EC2RL),
        "run",
        "--json",
        "--only-modules=conntrackfull",
        f"--output-dir={output}",
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    document = json.loads(done.stdout)
    assert done.stderr == ""
    result = document["results"][0]
    assert isinstance(result, dict)
    return {**result, "host": document["host"]}


def kernel_log() -> list[tuple[int, int, int, str]]:
    """Priority, number, µs since boot and text of every record of the ring buffer."""
    fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    records = []
    try:
        while True:
            try:
                head, _, text = os.read(fd, 8192).decode(errors="replace").partition(";")
            except BrokenPipeError:
                continue
            priority, number, microseconds = map(int, head.split(",")[:3])
            records.append((priority, number, microseconds, text.split("\n")[0]))
    except BlockingIOError:
        return records
    finally:
        os.close(fd)


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Event]:
    if os.geteuid() != 0 or not os.path.exists("/dev/kmsg"):
        pytest.skip("needs root and the kernel's log")
    folder = tmp_path_factory.mktemp("event")
    name = f"ec2rl-same-{os.getpid()}"
    with namespace(name):
        if _is_told():
            fill(name, mixture(2000, lasting=600))
        else:
            maximum = int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text())
            if not 0 < maximum <= 1 << 19:
                pytest.skip(f"nf_conntrack_max is {maximum}: too much to fill")
            let_the_kernel_log()
            with pytest.raises(OSError, match="refused"):
                fill(name, mixture(maximum + 5000, lasting=600))
            time.sleep(0.5)
        if not _is_told():
            pytest.skip("the kernel's log does not tell of the full table")
        recording = folder / "recording"
        live = judged(folder, f"--record={recording}")
        table = folder / "table"
        lists = ["ip", "netns", "exec", name, "conntrack", "-L", "-o", "extended"]
        with table.open("wb") as file:
            subprocess.run(lists, stdout=file, stderr=subprocess.DEVNULL, check=True)
        yield Event(folder, recording, live, table)


def _is_told() -> bool:
    """Whether the ring buffer tells of a full table, this one or one before it."""
    return any(re.search("table full.*, dropping packet", text) for *_, text in kernel_log())


def check(event: Event, past: dict[str, object]) -> None:
    """The same verdict, with the evidence that it is from, and the time of it."""
    assert event.live["verdict"] == "PROBLEM"
    assert past["verdict"] == "PROBLEM"
    summary = str(past["summary"])
    assert summary.startswith("Conntrack table full errors found.")
    assert re.search(
        r"\(in the .+, (?:as recorded on|file dated) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", summary
    )
    assert not re.search(r"\bnow\b", summary + "".join(map(str, past["details"])))  # type: ignore[call-overload]


def gaps(past: dict[str, object]) -> str:
    return " ".join(line for line in past["details"] if "Not" in line)  # type: ignore[attr-defined]


def test_from_the_recording(event: Event) -> None:
    past = judged(event.folder, f"--replay={event.recording}")
    check(event, past)
    for name in ("namespaces", "counters", "log", "conntrack"):
        assert past[name] == event.live[name]


def test_from_the_masked_recording(event: Event) -> None:
    masked = event.folder / "masked"
    judged(event.folder, f"--replay={event.recording}", f"--record={masked}", "--mask")
    check(event, judged(event.folder, f"--replay={masked}"))
    assert os.uname().nodename not in re.findall(r"\S+", masked.read_text())


def test_from_saved_dmesg(event: Event) -> None:
    saved = event.folder / "dmesg.txt"
    saved.write_bytes(subprocess.run(["dmesg"], capture_output=True, check=True).stdout)
    past = judged(event.folder, f"--log={saved}")
    check(event, past)
    assert "journal: not collected" in gaps(past)
    past = judged(event.folder, f"--log={saved}", f"--conntrack={event.table}")
    check(event, past)
    assert f"In the saved table {event.table}: " in "".join(past["details"])  # type: ignore[arg-type]


def exported() -> str:
    boot = BOOT.read_text().strip().replace("-", "")
    began = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    entries = []
    for priority, number, microseconds, text in kernel_log():
        when = int((began + microseconds / 1e6) * 1e6)
        entries.append(
            f"__CURSOR=s={MACHINE};i={number:x};b={boot};m={microseconds:x};t={when:x};x={number:x}\n"
            f"__REALTIME_TIMESTAMP={when}\n__MONOTONIC_TIMESTAMP={microseconds}\n_BOOT_ID={boot}\n"
            f"_MACHINE_ID={MACHINE}\n_HOSTNAME=victim\n_TRANSPORT=kernel\n"
            f"SYSLOG_FACILITY={priority >> 3}\n"
            f"SYSLOG_IDENTIFIER=kernel\n_SOURCE_MONOTONIC_TIMESTAMP={microseconds}\n"
            f"PRIORITY={priority & 7}\nMESSAGE={text}\n"
        )
    return "\n".join(entries) + "\n"


@pytest.fixture(scope="module")
def journal(event: Event) -> Path:
    """A journal file that systemd itself made of the kernel's records."""
    if not os.path.exists(REMOTE):
        pytest.skip(f"there is no {REMOTE}")
    export = event.folder / "kernel.export"
    export.write_text(exported())
    file = event.folder / "system.journal"
    subprocess.run([REMOTE, f"--output={file}", str(export)], capture_output=True, check=True)
    return file


def test_from_a_journal_in_a_folder(event: Event, journal: Path) -> None:
    folder = event.folder / "journal-only/var/log/journal" / MACHINE
    folder.mkdir(parents=True)
    shutil.copy(journal, folder / "system.journal")
    past = judged(event.folder, f"--root={event.folder / 'journal-only'}")
    check(event, past)
    assert "in the journal" in str(past["summary"])
    assert "/dev/kmsg: not collected" in gaps(past)
    check(event, judged(event.folder, f"--log={journal}"))
    check(event, judged(event.folder, f"--log={event.folder / 'kernel.export'}"))


FORMS = ("short", "short-iso-precise", "short-full", "short-monotonic", "short-unix", "with-unit")


@pytest.mark.parametrize("form", FORMS)
def test_from_what_journalctl_printed(event: Event, journal: Path, form: str) -> None:
    """Text that anybody could have written says so."""
    text = event.folder / f"journalctl.{form}"
    with text.open("wb") as file:
        command = ["journalctl", f"--file={journal}", f"--output={form}", "--utc"]
        subprocess.run(command, stdout=file, check=True)
    past = judged(event.folder, f"--log={text}")
    assert past["verdict"] == "WARNING"  # no log of the kernel's own: what was found counts
    assert f"in {text}, where any user can write" in "".join(past["details"])  # type: ignore[arg-type]
    assert _lines(past, "unverified") == len(re.findall(f"{FULL}$", text.read_text(), re.MULTILINE))


def _lines(result: dict[str, object], kind: str = "this_boot") -> int:
    """How many table-full lines there were."""
    number = result["log"][kind]["lines_at_least"]  # type: ignore[index]
    assert isinstance(number, int)
    return number


def _told(result: dict[str, object]) -> int:
    """How many there were in all: somebody may have written some of them in the kernel's name."""
    forged = result["log"]["forged_lines"]  # type: ignore[index]
    assert isinstance(forged, int)
    return _lines(result) + _lines(result, "unverified") + forged


def test_from_the_root_of_a_machine(event: Event, journal: Path) -> None:
    root = event.folder / "root"
    made = os.environ.get("EC2RL_TEST_ROOT")  # of debootstrap, say
    if made:
        shutil.copytree(made, root, symlinks=True, ignore=shutil.ignore_patterns("dev"))
    folder = root / "var/log/journal" / MACHINE
    folder.mkdir(parents=True)
    shutil.copy(journal, folder / "system.journal")
    stamp = time.strftime("%b %e %H:%M:%S")
    lines = [f"{stamp} host kernel: {text}\n" for *_, text in kernel_log()]
    (root / "var/log/kern.log").write_text("".join(lines))
    past = judged(event.folder, f"--root={root}")
    check(event, past)
    assert "/var/log/kern.log" in "".join(past["details"])  # type: ignore[arg-type]


def test_from_a_sosreport(event: Event, journal: Path) -> None:
    if shutil.which("sos") is None:
        pytest.skip("there is no sos")
    folder = event.folder / "sos"
    folder.mkdir()
    command = ["sos", "report", "--batch", f"--tmp-dir={folder}", "-o", "kernel,networking"]
    subprocess.run(command, capture_output=True, check=True, timeout=300)
    (archive,) = folder.glob("*.tar.xz")
    packed = judged(event.folder, f"--sos={archive}")
    check(event, packed)
    assert "the namespaces of processes: not collected" in gaps(packed)
    unpacked = event.folder / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-C", unpacked, "-xf", archive], check=True)
    (top,) = unpacked.iterdir()
    # The ring buffer moves on meanwhile: what counts is what sos saw of it.
    (dmesg,) = top.glob("sos_commands/*/dmesg")
    seen = set(re.findall(rf"\[ *(\d+\.\d+)\] ({FULL})$", dmesg.read_text(), re.MULTILINE))
    assert _told(packed) == len(seen)
    check(event, judged(event.folder, f"--sos={top}"))
    plain = event.folder / "plain.tar"
    with plain.open("wb") as file:
        subprocess.run(["xz", "-dc", archive], stdout=file, check=True)
    check(event, judged(event.folder, f"--sos={plain}"))
    # Where journald runs and keeps its journal, sos takes that along.
    kept = top / "var/log/journal" / MACHINE / "system.journal"
    kept.parent.mkdir(parents=True)
    shutil.copy(journal, kept)
    (top / "sos_commands/conntrack").mkdir()
    shutil.copy(event.table, top / "sos_commands/conntrack/conntrack_-L_-o_extended")
    export = (event.folder / "kernel.export").read_text()
    in_journal = {
        (f"{int(stamp) / 1e6:.6f}", text)
        for facility, stamp, text in re.findall(
            r"SYSLOG_FACILITY=(\d+)\n.*\n_SOURCE_MONOTONIC_TIMESTAMP=(\d+)\n.*\nMESSAGE="
            rf"({FULL})\n",
            export,
        )
        if facility == "0"
    }
    whole = event.folder / "whole.tar.xz"
    subprocess.run(["tar", "-C", unpacked, "-cJf", whole, top.name], check=True)
    for place in (whole, top):
        past = judged(event.folder, f"--sos={place}")
        check(event, past)
        assert "in dmesg and the journal" in str(past["summary"])
        assert _told(past) == len(seen | in_journal)
        read = "".join(past["details"])  # type: ignore[arg-type]
        assert "sos_commands/" in read
        assert re.search("Read: .*journal", read)
