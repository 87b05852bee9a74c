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

from evidence.test_kinds import ENTRY, ETHTOOL, MEMINFO, NETSTAT, NSTAT, STATS
from host.test_sos import COMMON, MESSAGE, NOW, packed
from report.test_json import validate
from test_offline import QUIET, WHOLE, run, saved, table

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
    assert "1440 of 1450 entries (99%), 3 packets lost" in result["details"][0]
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
        "the files x.gz, y, z, as recorded on 2026-09-21 14:13:20 +0000",
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
    assert "1400 entries, the limit is unknown" in result["details"][0]
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


@pytest.mark.more
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
        "deep/note text of no form that is known, searched as hearsay",
    ]
    assert [gap.removeprefix(f"{folder}/") for gap in one["host"]["gaps"]] == [
        f"log: the same as {folder}/copy",
        "page: an HTML page, not a log",
        "link: a link: not followed",
        "pipe: not a file",
        "socket: not a file",
    ]
    assert [note.removeprefix(f"{folder}/") for note in one["host"]["notes"]] == [
        "deep/note: no line of its beginning is a log's: searched as hearsay"
    ]
    assert verdict(one) == "OK"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root's rights")
@pytest.mark.more
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
            [line for line in one["results"][0]["details"] if not line.startswith("Read")]
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
    assert "(they were 1450 and unknown)" in "\n".join(result["details"])


def test_standard_input_and_a_pipe(tmp_path: Path) -> None:
    limits = sysctl(tmp_path)
    (one,) = judged(tmp_path, "-", limits, stdin=gzip.compress(WHOLE.encode()))
    assert taken(one, tmp_path) == ["standard input dmesg gzip", "sysctl sysctl -a"]
    assert verdict(one) == "PROBLEM"
    done = run(tmp_path, "-", "-", stdin=b"")
    assert (done.returncode, "standard input can be read once" in done.stderr) == (2, True)


@pytest.mark.more
def test_a_sosreport_with_a_table_beside_it(tmp_path: Path) -> None:
    report = packed(tmp_path, {**COMMON, "sos_commands/kernel/dmesg": QUIET})
    (one,) = judged(tmp_path, report, table(tmp_path))
    kinds = [entry["kind"] for entry in one["host"]["evidence"]]
    assert kinds == ["sosreport", "conntrack -L"]
    assert one["results"][0]["census"]["counted"] == 1400
    log = saved(tmp_path, "log", WHOLE)
    reports = judged(tmp_path, report, log)
    assert [verdict(report) for report in reports] == ["OK", "PROBLEM"]
    assert reports[1]["host"]["apart"].endswith("it has logs of its own")


def test_what_a_sosreport_has_itself_is_not_mixed_with_it(tmp_path: Path) -> None:
    limits = SYSCTL.format(host="h", count=1)
    files = {**COMMON, "sos_commands/kernel/sysctl_-a": limits}
    report = packed(tmp_path, {**files, "sos_commands/kernel/dmesg": QUIET})
    reports = judged(tmp_path, report, sysctl(tmp_path, host="h"))
    assert [verdict(report) for report in reports] == ["OK", "WARNING"]
    assert "itself, of another moment or machine" in reports[0]["host"]["apart"]
    recording = tmp_path / "r"
    done = run(tmp_path, report, sysctl(tmp_path, host="h"), f"--record={recording}")
    assert f"the recording is of one machine, and not of the file {tmp_path}/sysctl" in done.stderr
    (again,) = judged(tmp_path, str(recording))
    assert verdict(again) == "OK"


def test_an_unpacked_sosreport_and_a_volume(tmp_path: Path) -> None:
    saved(tmp_path / "sos", "sos_commands/kernel/dmesg", WHOLE)
    saved(tmp_path / "sos", "etc/hostname", "web1\n")
    saved(tmp_path / "root", "var/log/kern.log", f"Sep 21 14:00:00 db1 kernel: {MESSAGE}\n")
    saved(tmp_path / "root", "etc/hostname", "db1\n")
    (tmp_path / "root/usr").mkdir()
    reports = judged(tmp_path, str(tmp_path / "sos"), str(tmp_path / "root"))
    assert [taken(report, tmp_path) for report in reports] == [
        ["sos sosreport"],
        ["root mounted root"],
    ]
    assert [verdict(report) for report in reports] == ["PROBLEM", "WARNING"]
    (one,) = judged(tmp_path, str(tmp_path / "root"), table(tmp_path))
    assert one["results"][0]["census"]["counted"] == 1400


@pytest.mark.more
def test_a_recording_packed_or_not(tmp_path: Path) -> None:
    log, recording = saved(tmp_path, "log", WHOLE), tmp_path / "recording"
    (first,) = judged(tmp_path, log, f"--record={recording}")
    assert verdict(first) == "PROBLEM"
    packed_ = saved(tmp_path, "r.xz", lzma.compress(recording.read_bytes()))
    for path in (str(recording), packed_):
        (one,) = judged(tmp_path, path)
        assert (verdict(one), one["host"]["evidence"][0]["kind"]) == ("PROBLEM", "recording")
    broken = saved(tmp_path, "broken", "-- clock --\nnow=nonsense\n-- expect --\n")
    (one,) = judged(tmp_path, broken)
    assert (verdict(one), "not a recording" in one["results"][0]["summary"]) == ("UNKNOWN", True)


def test_other_texts_of_a_machine_are_kept(tmp_path: Path) -> None:
    texts = {"ethtool_-S_eth0": ETHTOOL, "m": MEMINFO, "n": NSTAT, "s": NETSTAT, "l": QUIET}
    files = [saved(tmp_path, name, text) for name, text in texts.items()]
    (one,) = judged(tmp_path, *files, f"--record={tmp_path / 'r'}")
    assert taken(one, tmp_path) == [
        "ethtool_-S_eth0 ethtool -S",
        "m /proc/meminfo",
        "n nstat",
        "s netstat -s",
        "l dmesg",
    ]
    assert verdict(one) == "OK"


def test_the_allowance_of_an_instance_by_its_driver(tmp_path: Path) -> None:
    counters = (
        "NIC statistics:\n     tx_timeout: 0\n     conntrack_allowance_exceeded: 3200\n"
        "     conntrack_allowance_available: 0\n"
    )
    for name in ("ethtool-S-ens5.txt", "counters"):
        (one,) = judged(tmp_path, saved(tmp_path, "l", QUIET), saved(tmp_path, name, counters))
        assert (verdict(one), "3200" in json.dumps(one["results"])) == ("WARNING", True)


def test_tables_in_other_forms_of_conntrack(tmp_path: Path) -> None:
    events = "    [NEW] " + ENTRY
    xml = (
        '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n'
        '<flow><meta direction="original">'
        '<layer3 protonum="2" protoname="ipv4"><src>192.0.2.1</src>'
        '<dst>198.51.100.2</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>1</sport>'
        '<dport>443</dport></layer4></meta><meta direction="reply"><layer3 protonum="2" '
        'protoname="ipv4"><src>198.51.100.2</src><dst>192.0.2.1</dst></layer3><layer4 protonum="6" '
        'protoname="tcp"><sport>443</sport><dport>1</dport></layer4></meta><meta '
        'direction="independent"><state>ESTABLISHED</state><timeout>60</timeout><assured/>'
        "</meta></flow>\n</conntrack>\n"
    )
    (one,) = judged(tmp_path, saved(tmp_path, "x", xml), saved(tmp_path, "e", events))
    assert one["results"][0]["census"]["counted"] == 1
    assert one["host"]["gaps"] == [f"{tmp_path}/e: conntrack -E: events, no table"]


def test_lines_of_a_log_in_another_text_are_no_silence(tmp_path: Path) -> None:
    limits = saved(tmp_path, "s", SYSCTL.format(host="h", count=1) + f"kernel: {MESSAGE}\n")
    (one,) = judged(tmp_path, saved(tmp_path, "l", QUIET), limits)
    assert verdict(one) != "OK"


def test_a_cut_archive_is_never_silence(tmp_path: Path) -> None:
    whole = gzip.compress((QUIET + "[ 10.000000] y\n" * 5000).encode())
    (one,) = judged(tmp_path, saved(tmp_path, "x.gz", whole[: len(whole) // 2]))
    assert verdict(one) == "UNKNOWN"
    cut = gzip.compress(SYSCTL.format(host="h", count=1).encode())[:-10]
    (one,) = judged(tmp_path, saved(tmp_path, "l", QUIET), saved(tmp_path, "s", cut))
    assert verdict(one) == "UNKNOWN"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("/none",), "/none: No such file or directory"),
        (("oomkiller",), "oomkiller: No such file or directory: for one module, --only-modules="),
        (("--sos=/", "x"), "run takes no 'x' there: it stands alone, or behind --log"),
        (("/dev/null",), "/dev/null: not a file"),
        (("x", "--remediate"), "--remediate changes this machine"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not list((tmp_path / "output").iterdir())


def test_more_than_one_machine_is_not_recorded(tmp_path: Path) -> None:
    files = sysctl(tmp_path), sysctl(tmp_path, "b", "db1")
    done = run(tmp_path, *files, f"--record={tmp_path / 'r'}")
    assert done.returncode == 2
    assert "--record takes one machine at a time" in done.stderr
    assert not (tmp_path / "r").exists()


def test_some_keys_and_some_others(tmp_path: Path) -> None:
    one = saved(tmp_path, "a", "net.netfilter.nf_conntrack_count = 1440\n")
    two = saved(tmp_path, "b", "net.netfilter.nf_conntrack_max = 1450\n")
    (report,) = judged(tmp_path, saved(tmp_path, "l", QUIET), one, two)
    assert (taken(report, tmp_path)[1], verdict(report)) == ("a sysctl, some keys", "WARNING")
    other = saved(tmp_path, "c", "net.netfilter.nf_conntrack_count = 3\n")
    (report,) = judged(tmp_path, str(tmp_path / "l"), two, one, other)
    assert verdict(report) == "WARNING"
    told = "\n".join(report["results"][0]["details"])
    assert "Not whole: not all of the files could be read" in told
    assert report["host"]["gaps"] == [
        f"{other}: another value of /proc/sys/net/netfilter/nf_conntrack_count: "
        "of another moment or machine"
    ]


def test_a_journal_that_has_a_later_boot_than_the_settings(tmp_path: Path) -> None:
    record = (
        '{"__REALTIME_TIMESTAMP":"%d","_BOOT_ID":"%s","_TRANSPORT":"kernel",'
        '"SYSLOG_FACILITY":"0","__MONOTONIC_TIMESTAMP":"1","MESSAGE":"Linux version 6.1.0 (a)"}\n'
    )
    boots = ["1" * 32, "2" * 32]
    log = saved(tmp_path, "j", "".join(record % (n, boot) for n, boot in enumerate(boots, 1)))
    for at, gaps in ((0, 1), (1, 0)):
        limits = saved(tmp_path, "s", f"kernel.random.boot_id = {boots[at]}\n")
        (report,) = judged(tmp_path, log, limits)
        assert len(report["host"]["gaps"]) == gaps


def test_nothing_of_another_time_is_mixed(tmp_path: Path) -> None:
    limits, stats = sysctl(tmp_path), saved(tmp_path, "S", STATS)
    os.utime(stats, (NOW - 200_000, NOW - 200_000))
    reports = judged(tmp_path, limits, stats)
    assert [len(report["host"]["evidence"]) for report in reports] == [1, 1]
