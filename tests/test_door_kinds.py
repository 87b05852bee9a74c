"""`ec2rl run FILE...`: each kind of evidence beside another, and what is refused."""

from __future__ import annotations

import gzip
import json
import lzma
import os
from pathlib import Path

import pytest

from evidence.test_kinds import ENTRY, ETHTOOL, MEMINFO, NETSTAT, NSTAT, STATS
from host.test_sos import COMMON, MESSAGE, NOW, packed
from test_door import SYSCTL, judged, sysctl, taken, verdict
from test_offline import QUIET, WHOLE, run, saved, table

pytestmark = pytest.mark.more


def test_a_sosreport_with_a_table_beside_it(tmp_path: Path) -> None:
    report = packed(tmp_path, {**COMMON, "sos_commands/kernel/dmesg": QUIET})
    (one,) = judged(tmp_path, report, table(tmp_path))
    kinds = [entry["kind"] for entry in one["host"]["evidence"]]
    assert kinds == ["sosreport", "conntrack -L"]
    assert one["results"][0]["census"]["counted"] == 1400
    log = saved(tmp_path, "log", WHOLE)
    reports = judged(tmp_path, report, log)
    assert [verdict(report) for report in reports] == ["OK", "PROBLEM"]
    assert reports[1]["host"]["apart"].endswith(f"{report} has logs of its own")


_OF_LOGS: dict[str, str | bytes] = {
    "var/log/kern.log": f"Sep 21 14:00:00 web1 kernel: {MESSAGE}\n",
    "web1/var/log/messages": f"Sep 21 14:00:00 web1 kernel: {MESSAGE}\n",
    "logs/var/log/syslog.1.gz": gzip.compress(f"Sep 21 14:00:00 w kernel: {MESSAGE}\n".encode()),
}


@pytest.mark.parametrize("name", _OF_LOGS)
def test_a_tar_of_logs_is_no_sosreport_and_its_logs_are_hearsay(tmp_path: Path, name: str) -> None:
    (one,) = judged(tmp_path, packed(tmp_path, {name: _OF_LOGS[name]}, ""))
    (taken_for,) = one["host"]["evidence"]
    assert (verdict(one), taken_for["kind"]) == ("WARNING", "tar archive")
    assert "it is no sosreport" in one["host"]["notes"][0]


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


@pytest.mark.parametrize(
    "text",
    [
        '{"log": "{said}\\n", "stream": "stdout", "time": "2026-11-25T02:40:00.5Z"}\n',
        '{"time":"2026-11-25T02:40:00.5Z","pod":{"name":"x"},"log":"{said}"}\n',
        '{"timestamp": "2026-11-25T02:40:00Z", "stream": "stderr", "log": "{said}\\n"}\n',
    ],
)
def test_what_a_container_logged_is_hearsay_in_any_json(tmp_path: Path, text: str) -> None:
    said = f"[ 5000.000000] {MESSAGE}"
    (one,) = judged(tmp_path, saved(tmp_path, "log", text.replace("{said}", said) * 2))
    assert (verdict(one), one["host"]["gaps"]) == ("WARNING", [])


@pytest.mark.parametrize(
    "text",
    [
        '{"InstanceId": "i-0abd", "Timestamp": "2026-11-25T02:41:00.000Z"}',
        '{"InstanceId": "i-0abd", "Output": ""}',
        '{"contents": "\\r\\n", "kind": "compute#serialPortOutput"}',
    ],
)
def test_a_console_without_a_word_is_told_as_that(tmp_path: Path, text: str) -> None:
    (one,) = judged(tmp_path, saved(tmp_path, "console", text))
    assert "the console was empty when it was asked for" in one["host"]["gaps"][0]
    assert verdict(one) == "UNKNOWN"
