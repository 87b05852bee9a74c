"""`ec2rl run FILE...`: any evidence, recognised by its content, and what belongs together."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evidence.test_kinds import STATS
from host.test_sos import MESSAGE, packed
from report.test_json import validate
from test_offline import QUIET, WHOLE, run, saved, table

pytestmark = pytest.mark.more

SYSCTL = (
    "kernel.hostname = {host}\nkernel.osrelease = 6.1.0\n"
    "net.netfilter.nf_conntrack_count = {count}\nnet.netfilter.nf_conntrack_max = 1450\n"
)
MANY = "".join(f"net.ipv4.conf.eth{n}.rp_filter = 1\n" for n in range(100))
PAGE = "<!DOCTYPE html>\n<html><body>\n{}</body></html>\n"


def sysctl(folder: Path, name: str = "sysctl", host: str = "web1", count: int = 1440) -> str:
    return saved(folder, name, SYSCTL.format(host=host, count=count) + MANY)


def judged(folder: Path, *words: str, stdin: bytes = b"") -> list[dict[str, Any]]:
    """Each machine's document; the report is what its schema says."""
    done = run(folder, "--json", *words, stdin=stdin)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    reports: list[dict[str, Any]] = document.get("reports", [document])
    for one in reports:
        validate(one)
    return reports


def taken(report: dict[str, Any], folder: Path) -> list[str]:
    """What its files were taken for, without the folder's path."""
    return [
        " ".join((one["file"].removeprefix(f"{folder}/"), one["kind"], one["packing"])).strip()
        for one in report["host"]["evidence"]
    ]


def verdict(report: dict[str, Any]) -> str:
    return str(report["results"][0]["verdict"])


def test_what_belongs_together_is_judged_together(tmp_path: Path) -> None:
    """A quiet dmesg, the limits, the counters and the table of one machine."""
    files = (
        saved(tmp_path, "a.txt.gz", gzip.compress(QUIET.encode())),
        sysctl(tmp_path, "b.bin"),
        saved(tmp_path, "c.log", STATS),
        table(tmp_path),
    )
    (one,) = judged(tmp_path, *files)
    assert taken(one, tmp_path) == [
        "a.txt.gz dmesg gzip",
        "b.bin sysctl -a",
        "c.log conntrack -S",
        "table conntrack -L",
    ]
    assert verdict(one) == "WARNING"
    result = one["results"][0]
    assert result["summary"].startswith("Conntrack table is 99% full")
    assert "1,440 of 1,450 entries (99%), 3 packets lost" in result["details"][1]
    assert result["census"]["seen"] == 1400
    assert one["host"]["kernel"] == "6.1.0"
    assert (one["host"]["gaps"], one["host"]["apart"]) == ([], "")


def test_the_report_says_what_each_file_was_taken_for(tmp_path: Path) -> None:
    for name, text in (("x.gz", gzip.compress(WHOLE.encode())), ("y", STATS), ("z", PAGE)):
        saved(tmp_path, name, text)
    done = run(tmp_path, "x.gz", "y", "z", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    section = done.stdout.split("[Evidence]")[1].splitlines()
    assert section[2:5] == [
        "the files x.gz, y, z, file dated 2026-09-21 14:13:20 +0000",
        "Evidence: x.gz: dmesg, gzip; y: conntrack -S; z: an HTML page, not a log",
        "Not read: z: an HTML page, not a log",
    ]


@pytest.mark.parametrize("text", [WHOLE, QUIET, "", "Dear all,\nit is broken.\n"])
def test_a_log_is_judged_as_by_its_option(tmp_path: Path, text: str) -> None:
    log = saved(tmp_path, "x", text)
    (one,) = judged(tmp_path, log)
    (other,) = judged(tmp_path, f"--log={log}")
    assert verdict(one) == verdict(other)


@pytest.mark.parametrize(
    ("name", "data", "packing"),
    [
        ("x", gzip.compress(WHOLE.encode()), "gzip"),
        ("dmesg.gz", lzma.compress(WHOLE.encode()), "xz"),
        ("table.pdf", bz2.compress(WHOLE.encode()), "bzip2"),
        ("conntrack_-L.gz", WHOLE.encode(), ""),
    ],
)
@pytest.mark.sampled(2)
def test_no_name_decides(tmp_path: Path, name: str, data: bytes, packing: str) -> None:
    (one,) = judged(tmp_path, saved(tmp_path, name, data))
    assert (one["host"]["evidence"][0]["packing"], verdict(one)) == (packing, "PROBLEM")


def test_no_value_of_this_machine_is_used_for_another(tmp_path: Path) -> None:
    (one,) = judged(tmp_path, table(tmp_path))
    result = one["results"][0]
    assert verdict(one) == "UNKNOWN"
    assert "1,400 entries, the limit is unknown" in result["details"][0]
    assert one["host"]["kernel"] is None
    assert os.uname().release not in json.dumps(one["results"])


def test_two_hosts_are_judged_apart(tmp_path: Path) -> None:
    one, two, log = sysctl(tmp_path), sysctl(tmp_path, "b", "db1", 1), saved(tmp_path, "c", WHOLE)
    reports = judged(tmp_path, one, two, log)
    assert [taken(report, tmp_path) for report in reports] == [
        ["sysctl sysctl -a"],
        ["b sysctl -a"],
        ["c dmesg"],
    ]
    assert [verdict(report) for report in reports] == ["WARNING", "UNKNOWN", "PROBLEM"]
    for report in reports:
        assert report["host"]["apart"].startswith(f"{one}, {two}: ")


def test_folders_are_machines(tmp_path: Path) -> None:
    for name, text in (("web", WHOLE), ("db", QUIET)):
        sysctl(tmp_path / "all" / name, "limits", name)
        saved(tmp_path / "all" / name, "log", text)
    reports = judged(tmp_path, str(tmp_path / "all"))
    assert [taken(report, tmp_path / "all") for report in reports] == [
        ["db/limits sysctl -a", "db/log dmesg"],
        ["web/limits sysctl -a", "web/log dmesg"],
    ]
    assert [verdict(report) for report in reports] == ["WARNING", "PROBLEM"]
    two = [str(tmp_path / "all" / name) for name in ("web", "db")]
    assert [verdict(report) for report in judged(tmp_path, *two)] == ["PROBLEM", "WARNING"]
    (alone,) = judged(tmp_path, two[0])
    assert verdict(alone) == "PROBLEM"


def test_all_files_of_a_folder_are_told(tmp_path: Path) -> None:
    """Links, pipes, sockets and files that may not be read are named, and wait for nobody."""
    folder = tmp_path / "f"
    saved(folder, "log", QUIET)
    saved(folder, "deep/note", "hello\n")
    saved(folder, "page", PAGE)
    saved(folder, "copy", QUIET)
    (folder / "link").symlink_to("/etc/shadow")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        (one,) = judged(tmp_path, str(folder))
    assert taken(one, folder) == [
        "copy dmesg",
        "page an HTML page, not a log",
        "deep/note text of no form that is known",
    ]
    assert [gap.removeprefix(f"{folder}/") for gap in one["host"]["gaps"]] == [
        f"log: the same as {folder}/copy",
        "page: an HTML page, not a log",
        "pipe: a pipe: not read",
        "link: a link: not followed",
        "socket: not a file",
    ]
    assert [note.removeprefix(f"{folder}/") for note in one["host"]["notes"]] == [
        "deep/note: no line of its beginning is a log's: what it says counts as not verified"
    ]
    assert verdict(one) == "UNKNOWN"  # a log may be behind the link, or in the pipe


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root's rights")
def test_what_may_not_be_read_makes_the_evidence_not_whole(tmp_path: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # nobody may look into pytest's own
        folder = Path(name)
        os.chmod(folder, 0o755)
        log = saved(folder, "e/log", QUIET)
        secret = saved(folder, "e/secret", QUIET)
        os.chmod(secret, 0)
        words = [str(Path(__file__).parent.parent / "ec2rl"), "run", "--json", "--no-save"]
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", *words, str(folder / "e")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        one = json.loads(done.stdout)
        assert taken(one, folder) == ["e/log dmesg"]
        assert one["host"]["gaps"] == [f"{secret}: Permission denied"]
        assert {result["verdict"] for result in one["results"]} == {"UNKNOWN"}
        denied = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", *words, log, secret],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (denied.returncode, f"{secret}: Permission denied" in denied.stderr) == (2, True)


def test_nothing_that_is_known_is_unknown(tmp_path: Path) -> None:
    page, note = saved(tmp_path, "page", PAGE.format(WHOLE)), saved(tmp_path, "pdf", b"%PDF-1.7")
    (one,) = judged(tmp_path, page, note)
    assert verdict(one) == "UNKNOWN"
    assert "not understood: 1 line holds the words" in one["results"][0]["summary"]
    (tmp_path / "empty").mkdir()
    (one,) = judged(tmp_path, str(tmp_path / "empty"))
    assert one["results"][0]["summary"] == (
        "Could not be judged: the evidence: failed (there is no file in it)"
    )


def test_a_page_that_was_given_as_a_log_is_none(tmp_path: Path) -> None:
    page = saved(tmp_path, "page", PAGE.format(WHOLE))
    (one,) = judged(tmp_path, f"--log={page}")
    assert verdict(one) == "UNKNOWN"
    assert one["host"]["gaps"] == [f"{page}: an HTML page, not a log"]


def test_a_console_tells_where_a_boot_stopped(tmp_path: Path) -> None:
    text = f"{QUIET}Gave up waiting for root file system device.\n(initramfs) "
    console = saved(tmp_path, "console", text)
    for words in (console, f"--log={console}"):
        (one,) = judged(tmp_path, "--only-modules=bootstopped", words)
        (found,) = (one for one in one["results"] if one["module"] == "bootstopped")
        assert (found["verdict"], found["stage"]) == ("PROBLEM", "initrd")


OLD = (
    "Linux version 2.6.18-398.el5 (m@b) #1 SMP\nip_conntrack version 2.4 (8192 buckets)\n"
    "ip_conntrack: table full, dropping packet.\n"
)


def test_a_kernel_without_stamps_says_its_own_words(tmp_path: Path) -> None:
    """RHEL 5's dmesg: by each door the same; of a newer kernel it is hearsay."""
    report = packed(
        tmp_path,
        {
            "sos_commands/kernel/dmesg": OLD,
            "sos_commands/kernel/uname_-a": "Linux h 2.6.18-398.el5 #1 SMP x86_64 GNU/Linux\n",
            "sos_commands/kernel/sysctl_-a": (
                "net.ipv4.netfilter.ip_conntrack_max = 65536\n"
                "net.ipv4.netfilter.ip_conntrack_buckets = 8192\n"
            ),
        },
    )
    log = saved(tmp_path, "old", OLD)
    for words in (log, f"--log={log}", f"--sos={report}"):
        (one,) = judged(tmp_path, words)
        assert verdict(one) == "PROBLEM", words
        told = "\n".join(one["results"][0]["details"])
        assert "Grade: text" in told
    assert (
        "What helps: raise net.ipv4.netfilter.ip_conntrack_max and hashsize of the module "
        "ip_conntrack together (they were 65,536 and 8,192)"
    ) in told
    (one,) = judged(tmp_path, saved(tmp_path, "new", OLD.replace("2.6.18-398.el5", "5.4.0")))
    assert verdict(one) == "WARNING"


def test_evidence_is_of_the_time_that_it_tells_and_a_copy_has_another(tmp_path: Path) -> None:
    """The last line's, where lines have a date; else the file's, and it says so."""
    kill = (
        "Out of memory: Killed process 12 (java) total-vm:4kB, anon-rss:4kB, file-rss:0kB, "
        "shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0"
    )
    head = "-- Logs begin at Mon 2026-09-21 08:00:00 UTC, end at Mon 2026-09-21 14:16:00 UTC. --\n"
    text = (
        f"{head}2026-09-18T10:00:00+0000 web1 kernel: {kill}\n"
        "2026-09-20T11:00:00+0000 web1 sshd[7]: hello\n"
    )
    for words, end, dated, said in (
        (text, "2026-09-20T11:00:00Z", None, "as recorded on 2026-09-20 11:00:00"),
        (QUIET, None, "2026-09-21T14:13:20Z", "file dated 2026-09-21 14:13:20"),
    ):
        done = run(tmp_path, "--json", "--only-modules=oomkiller", saved(tmp_path, "x", words))
        one = json.loads(done.stdout)
        validate(one)
        assert (one["host"]["recorded"], one["host"]["file_dated"]) == (end, dated)
        assert said in one["results"][0]["summary"]
        again = [line for line in one["results"][0]["details"] if "last hour" in line]
        assert again == (
            ["In its last hour: 0, the last one 2 d 1 h before the end"] if end else []
        )


@pytest.mark.parametrize(
    "other", [PAGE.encode(), b"%PDF-1.7\n\1\2", b'{"kind": "List"}', b"\x89PNG"]
)
def test_what_is_no_evidence_takes_nothing_away(tmp_path: Path, other: bytes) -> None:
    """By each door: a SUCCESS stays one, and so does a WARN with its advice."""
    stray = saved(tmp_path, "stray", other)
    text = f"Sep 21 14:13:19 web1 kernel: {MESSAGE}\n"
    for words in (QUIET, text):
        log = saved(tmp_path, "x", words)
        (alone,), (beside,) = judged(tmp_path, log), judged(tmp_path, log, stray)
        (by_option,) = judged(tmp_path, f"--log={log}", f"--log={stray}")
        assert verdict(alone) == verdict(beside) == verdict(by_option)
        assert verdict(alone) == ("OK" if words == QUIET else "WARNING")
        told = [
            [line for line in one["results"][0]["details"] if not line.startswith(("Read", "Next"))]
            for one in (alone, beside, by_option)
        ]
        assert told[0] == told[1] == told[2]
        assert all(any(stray in gap for gap in one["host"]["gaps"]) for one in (beside, by_option))


def test_the_words_in_a_page_are_a_doubt_of_those_that_look_for_them(tmp_path: Path) -> None:
    page, log = saved(tmp_path, "page", PAGE.format(MESSAGE)), saved(tmp_path, "x", QUIET)
    (one,) = judged(tmp_path, log, page)
    assert verdict(one) == "UNKNOWN"
    assert "not understood: 1 line holds the words" in one["results"][0]["summary"]
    packed = saved(tmp_path, "zip", b"PK\x03\x04 and so on")
    (one,) = judged(tmp_path, log, packed)
    assert one["results"][0]["summary"].startswith("Cannot tell: not all of the logs could be read")


def test_a_gap_takes_no_advice_away(tmp_path: Path) -> None:
    log = saved(tmp_path, "messages", f"Sep 21 14:13:19 web1 kernel: {MESSAGE}\n")
    cut = saved(tmp_path, "dmesg.gz", gzip.compress(QUIET.encode() * 200)[:-9])
    (one,) = judged(tmp_path, log, cut)
    assert verdict(one) == "WARNING"
    told = "\n".join(one["results"][0]["details"])
    assert "What helps: raise net.netfilter.nf_conntrack_max" in told
    assert "Not whole: not all of the logs could be read" in told


def test_a_full_table_that_somebody_saved_is_told_with_what_helps(tmp_path: Path) -> None:
    """The table, its limit and its counters, without any log."""
    files = (
        sysctl(tmp_path, count=1450),
        saved(tmp_path, "S", STATS),
        table(tmp_path, 1450),
    )
    (one,) = judged(tmp_path, *files)
    result = one["results"][0]
    assert verdict(one) == "WARNING"
    assert result["summary"].startswith("Conntrack table is full in")
    assert "3 packets dropped so far" in result["summary"]
    assert "cannot be told" not in result["summary"]
    assert "(they were 1,450 and unknown)" in "\n".join(result["details"])


def test_standard_input_and_a_pipe(tmp_path: Path) -> None:
    limits = sysctl(tmp_path)
    (one,) = judged(tmp_path, "-", limits, stdin=gzip.compress(WHOLE.encode()))
    assert taken(one, tmp_path) == ["standard input dmesg gzip", "sysctl sysctl -a"]
    assert verdict(one) == "PROBLEM"
    done = run(tmp_path, "-", "-", stdin=b"")
    assert (done.returncode, "standard input can be read once" in done.stderr) == (2, True)
