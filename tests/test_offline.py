"""`ec2rl run` on what is left of machines: the whole command, with its words and its status."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from host.test_sos import COMMON, COUNTERS, ENTRY, MACHINE, MESSAGE, NOW, SYSTEM, packed

pytestmark = pytest.mark.more

EC2RL = Path(__file__).parent.parent / "ec2rl"
WHOLE = f"[    0.000000] Linux version 6.1.0\n[    9.000000] x\n[  100.000000] {MESSAGE}\n"
QUIET = "[    0.000000] Linux version 6.1.0\n[    9.000000] x\n"


def run(
    folder: Path, *options: str, stdin: bytes = b"", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    output = folder / "output"
    output.mkdir(mode=0o700, exist_ok=True)
    command = [str(EC2RL), "run", "--only-modules=conntrackfull", f"--output-dir={output}"]
    done = subprocess.run(
        [*command, *options], input=stdin, capture_output=True, timeout=60, check=False, cwd=cwd
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def judged(folder: Path, *options: str, stdin: bytes = b"") -> dict[str, Any]:
    done = run(folder, "--json", *options, stdin=stdin)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    result: dict[str, Any] = document["results"][0]
    return {**result, "host": document["host"]}


def saved(folder: Path, name: str, text: str | bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, (NOW, NOW))
    return str(path)


def table(folder: Path, count: int = 1400) -> str:
    """One client that hoards connections."""
    lines = (
        f"tcp      6 {431000 - 100 * n} ESTABLISHED src=10.0.9.31 dst=10.0.4.17 sport={1024 + n} "
        f"dport=443 src=10.0.4.17 dst=10.0.9.31 sport=443 dport={1024 + n} [ASSURED] mark=0 use=1\n"
        for n in range(count)
    )
    return saved(folder, "table", "".join(lines))


def test_a_table_alone_tells_what_fills_it_and_not_whether_it_was_full(tmp_path: Path) -> None:
    path = table(tmp_path)
    done = run(tmp_path, "-v", f"--conntrack={path}")
    assert (done.returncode, done.stderr) == (3, "")
    said = done.stdout[done.stdout.index("module run/") : done.stdout.index("-[Run  S")]
    lines = [line[33:].removeprefix("-- ") for line in said.splitlines() if len(line) > 33]
    assert [line for line in lines if not line.startswith("---")] == [
        "[UNKNOWN] Cannot tell whether the conntrack table has been full: the kernel's own log: "
        "not collected; the namespaces of processes: not collected; "
        "net.netfilter.nf_conntrack_max was not collected "
        f"(in the saved table {path}, file dated 2026-09-21 14:13:20 +0000)",
        f"a network namespace (as saved in {path}): 1,400 entries, the limit is unknown",
        f"In the saved table {path}: 100% of the entries are 10.0.9.31 -> 10.0.4.17:443/tcp",
        "Evictable: 0% at once, 0% slowly, 100% not at all (seen: 1,400 of 1,400)",
        "The time of that file is 2026-09-21 14:13:20 +0000: nothing proves that the table is of "
        "then",
        f"Details: {EC2RL} conntrack top --file={path}",
        "Not collected, and a table cannot tell: net.netfilter.nf_conntrack_max, the drop counters",
        "Not read: /dev/kmsg: not collected; journal: not collected; /var/log: not collected",
        "Not seen: the namespaces of processes: not collected",
        "Next: collect it as root on that machine: dmesg > FILE, or journalctl -k -o export > "
        "FILE; or all that is asked for: ./ec2rl run --record=FILE",
    ]


def test_a_table_beside_a_log_may_be_full_where_nobody_kept_the_limit(tmp_path: Path) -> None:
    path = table(tmp_path)
    for text, verdict, alone in (
        (WHOLE, "PROBLEM", "PROBLEM"),
        (QUIET, "UNKNOWN", "OK"),
        ("", "UNKNOWN", "UNKNOWN"),
    ):
        log = saved(tmp_path, "dmesg", text)
        found = judged(tmp_path, f"--log={log}", f"--conntrack={path}")
        assert found["verdict"] == verdict
        assert found["census"]["headline"].startswith("100% of the entries are 10.0.9.31")
        assert found["host"]["name"] == f"the log {log} with the saved table {path}"
        assert judged(tmp_path, f"--log={log}")["verdict"] == alone


@pytest.mark.parametrize(
    "name",
    ["acmecorp-host.log", "acmecorp", "acme corp; x.txt", "acme\n-- x --", "dmesg", "kernel"],
)
def test_the_names_of_the_evidence_are_masked(name: str, tmp_path: Path) -> None:
    """By a path, and as typed where it lies; a name that everybody has spoils no recording."""
    saved(tmp_path, f"acmefolder/{name}", WHOLE)
    report = packed(tmp_path / "acmefolder", {**COMMON, "sos_commands/kernel/dmesg": WHOLE})
    os.rename(report, tmp_path / "acmefolder/acmeorg-rep.tar.xz")
    for words in (
        [f"--log={tmp_path}/acmefolder/{name}"],
        [f"--log=acmefolder/{name}"],
        [f"--sos={tmp_path}/acmefolder/acmeorg-rep.tar.xz"],
        ["--sos=acmefolder/acmeorg-rep.tar.xz"],
    ):
        (tmp_path / "masked").unlink(missing_ok=True)
        done = run(tmp_path, *words, f"--record={tmp_path}/masked", "--mask", cwd=tmp_path)
        assert done.returncode == 1
        assert "acme" not in (tmp_path / "masked").read_text()
        again = run(tmp_path, f"--replay={tmp_path}/masked")
        assert (again.returncode, again.stderr) == (1, "")


@pytest.mark.parametrize("name", ["acmecorp", "acme.log", "dmesg"])
@pytest.mark.sampled(3)
def test_so_are_those_of_the_folder_it_is_called_in(name: str, tmp_path: Path) -> None:
    saved(tmp_path, name, WHOLE)
    words = (f"--log={name}", f"--record={tmp_path}/masked", "--mask")
    assert run(tmp_path, *words, cwd=tmp_path).returncode == 1
    assert "acme" not in (tmp_path / "masked").read_text()
    again = run(tmp_path, f"--replay={tmp_path}/masked")
    assert (again.returncode, again.stderr) == (1, "")


def test_a_table_beside_a_volume(tmp_path: Path) -> None:
    saved(tmp_path, "root/var/log/kern.log", "Sep 21 14:00:00 h kernel: x\n")
    found = judged(tmp_path, f"--root={tmp_path / 'root'}", f"--conntrack={table(tmp_path)}")
    assert found["verdict"] == "UNKNOWN"
    assert found["census"]["counted"] == 1400


def test_the_table_of_a_sosreport(tmp_path: Path) -> None:
    """Nearly full by the sosreport's own limit; in its namespace, too."""
    text = Path(table(tmp_path)).read_text()
    limit = "net.netfilter.nf_conntrack_max = {}\nnet.nf_conntrack_max = {}\n"
    files: dict[str, bytes | str] = {
        "sos_commands/kernel/dmesg": QUIET,
        "sos_commands/kernel/sysctl_-a": limit.format(1450, 1450),
        "sos_commands/conntrack/conntrack_-L_-o_extended": ENTRY,
        "sos_commands/conntrack/ip_netns_exec_shop_conntrack_-L_-o_extended": text,
        "sos_commands/conntrack/ip_netns_exec_shop_conntrack_-S": COUNTERS,
    }
    found = judged(tmp_path, f"--sos={packed(tmp_path, files)}")
    assert found["verdict"] == "WARNING"
    assert found["summary"].startswith(
        "Conntrack table is 97% full in a network namespace (shop); 100% of its entries"
    )
    assert found["details"][:4] == [
        "a network namespace (shop) dropped 5 packets of new connections; its table was 97% full "
        "then",
        "a network namespace (shop): 1,400 of 1,450 entries (97%), "
        "5 packets lost since it was made",
        "this host (initial network namespace): 1 of 1,450 entries (below 1%)",
        "In the saved table sos_commands/conntrack/ip_netns_exec_shop_conntrack_-L_-o_extended: "
        "100% of the entries are 10.0.9.31 -> 10.0.4.17:443/tcp",
    ]


def test_a_recording_of_it_says_the_same_masked_or_not(tmp_path: Path) -> None:
    log, path = saved(tmp_path, "dmesg", WHOLE), table(tmp_path)
    first = judged(
        tmp_path, f"--log={log}", f"--conntrack={path}", f"--record={tmp_path / 'plain'}"
    )
    masking = (f"--record={tmp_path / 'masked'}", "--mask")
    again = judged(tmp_path, f"--replay={tmp_path / 'plain'}", *masking)
    masked = judged(tmp_path, f"--replay={tmp_path / 'masked'}")
    assert "10.0.9.31" not in (tmp_path / "masked").read_text()
    for other in (again, masked):
        assert other["verdict"] == first["verdict"] == "PROBLEM"
        assert other["log"] == first["log"]
        for name in ("seen", "counted", "file_time", "evictable_share"):
            assert other["census"][name] == first["census"][name]
    assert again["census"] == first["census"]


def test_a_name_that_looks_like_a_section_of_a_recording(tmp_path: Path) -> None:
    log = saved(tmp_path, "a\x1b[2J\n-- expect --\nOK conntrackfull: x", WHOLE)
    path = saved(tmp_path, "t\x9b\n-- a --\n", Path(table(tmp_path)).read_text())
    recording = tmp_path / "recording"
    first = judged(tmp_path, f"--log={log}", f"--conntrack={path}", f"--record={recording}")
    again = judged(tmp_path, f"--replay={recording}")
    assert first["verdict"] == again["verdict"] == "PROBLEM"
    assert first["census"] == again["census"]
    assert "\x1b" not in run(tmp_path, f"--log={log}", f"--conntrack={path}").stdout


def test_what_could_not_be_read_is_told_again_by_a_recording(tmp_path: Path) -> None:
    log = saved(tmp_path, "note", "Dear all,\nit is broken.\n")
    notes = [f"{log}: no line of its beginning is a log's: what it says counts as not verified"]
    recording = tmp_path / "recording"
    for words in ((f"--log={log}", f"--record={recording}"), (f"--replay={recording}",)):
        host = judged(tmp_path, *words)["host"]
        assert (host["gaps"], host["notes"]) == ([], notes)


def test_a_table_that_is_none_is_told_and_the_rest_is_judged(tmp_path: Path) -> None:
    log, path = saved(tmp_path, "dmesg", WHOLE), saved(tmp_path, "x", "hello\n")
    found = judged(tmp_path, f"--log={log}", f"--conntrack={path}")
    assert found["verdict"] == "PROBLEM"
    assert found["host"]["gaps"] == [
        f"{path}: failed (no line of it is an entry of a conntrack table)"
    ]
    alone = judged(tmp_path, f"--conntrack={path}")
    assert alone["summary"] == (
        f"Could not be judged: {path}: failed (no line of it is an entry of a conntrack table)"
    )


@pytest.mark.parametrize("options", [(), ("--conntrack", "-")])
def test_standard_input(tmp_path: Path, options: tuple[str, ...]) -> None:
    if options:
        text = Path(table(tmp_path)).read_bytes()
        assert judged(tmp_path, *options, stdin=text)["census"]["counted"] == 1400
    else:
        found = judged(tmp_path, "--log", "-", stdin=WHOLE.encode())
        assert found["verdict"] == "PROBLEM"
        assert found["host"]["name"] == "the log standard input"


def test_the_journal_of_a_sosreport_is_in_its_section(tmp_path: Path) -> None:
    files = {**COMMON, f"var/log/journal/{MACHINE}/system.journal": SYSTEM}
    first = packed(tmp_path, files)
    (tmp_path / "two").mkdir()
    second = packed(tmp_path / "two", {**COMMON, "sos_commands/kernel/dmesg": QUIET})
    done = run(tmp_path, f"--sos={first}", f"--sos={second}")
    assert done.returncode == 1
    one, two = done.stdout.split("[Evidence]")[1:]
    assert "2 occurrences in the journal (in the sosreport " in one
    assert "[SUCCESS] No conntrack table full errors found." in two
    reports = json.loads(run(tmp_path, "--json", f"--sos={first}", f"--sos={second}").stdout)
    assert [one["results"][0]["verdict"] for one in reports["reports"]] == ["PROBLEM", "OK"]


def test_two_volumes_have_a_section_and_a_document_each(tmp_path: Path) -> None:
    line = "Sep 21 14:00:00 h kernel: {}\n"
    for name, text in (("one", MESSAGE), ("two", "x")):
        saved(tmp_path, f"{name}/var/log/kern.log", line.format(text))
    options = [f"--root={tmp_path / name}" for name in ("one", "two")]
    done = run(tmp_path, *options)
    assert (done.returncode, done.stderr) == (3, "")
    one, two = done.stdout.split("[Evidence]")[1:]
    assert f"the volume at {tmp_path / 'one'}, as recorded on" in one
    assert "[WARN] 1 table-full line found only where any user can write" in one
    assert f"the volume at {tmp_path / 'two'}, as recorded on" in two
    assert "table-full line" not in two
    reports = json.loads(run(tmp_path, "--json", *options).stdout)["reports"]
    lines = [one["results"][0]["log"]["unverified"]["lines_at_least"] for one in reports]
    assert lines == [1, 0]


def test_since_counts_back_from_when_it_was_recorded(tmp_path: Path) -> None:
    line = "2026-09-21T14:0{}:00+00:00 h kernel: " + MESSAGE + "\n"
    log = saved(tmp_path, "kern.log", line.format(0) + line.format(9))
    for since, lines in (("1h", 2), ("10m", 2), ("5m", 1)):
        found = judged(tmp_path, f"--log={log}", f"--since={since}")
        assert found["log"]["unverified"]["lines_at_least"] == lines, since
    found = judged(tmp_path, f"--log={log}", "--since=2026-09-22")
    assert (found["verdict"], found["summary"]) == (
        "UNKNOWN",
        "Cannot tell: it was recorded on 2026-09-21 14:09:00 +0000, before the time that is asked "
        "about",
    )


def test_nothing_is_said_of_now_and_paths_keep_their_names(tmp_path: Path) -> None:
    log = saved(tmp_path, "now/now.log", WHOLE)
    done = run(tmp_path, "--verbose", f"--log={log}")
    assert f"Read: {log}" in done.stdout
    assert "Log, its last boot: at least 1 line, 100.0 s after boot, no date known" in done.stdout
    assert f"Next: {EC2RL} explain conntrackfull --log={log}" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--conntrack=/none",), "--conntrack=/none: No such file or directory"),
        (("--sos=/", "--sos=/none"), "--sos=/none: No such file or directory"),
        (("--conntrack=a", "--replay=b"), "whose table is it?"),
        (("--conntrack=a", "--root=/a", "--root=/b"), "whose table is it?"),
        (("--log=-", "--conntrack=-"), "standard input can be read once only"),
        (("--conntrack=a", "b"), "run takes no 'b'"),
        (("--log=a", "--mask"), "--mask is about what --record writes"),
        (("--log=a", "--remediate"), "--remediate changes this machine"),
        (("--sos=a", "--sos=b", "--record=c"), "--record takes one machine at a time"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    done = run(tmp_path, *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert not list((tmp_path / "output").iterdir())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[    1.0] x\nweb1 login: \n", "where it does not come up, attach its volume"),
        ("[    1.000000] x\n", "Next: collect"),
    ],
)
def test_what_more_can_be_had_depends_on_what_the_evidence_is(
    tmp_path: Path, text: str, words: str
) -> None:
    done = run(tmp_path, saved(tmp_path, "log", text), "--only-modules=diskfull")
    assert words in done.stdout
    assert "./ec2rl run --record=FILE" in done.stdout


def test_of_a_volume_it_is_told_how_to_see_its_next_boot(tmp_path: Path) -> None:
    saved(tmp_path, "root/etc/sysctl.conf", "net.netfilter.nf_conntrack_max = 100000\n")
    done = run(tmp_path, f"--root={tmp_path / 'root'}", "--only-modules=conntrackfull")
    assert (
        f"What its next boot sets: {EC2RL} conntrack boot --root={tmp_path / 'root'}" in done.stdout
    )
    assert "what a volume lacks is collected as root on that machine" in done.stdout
    log = run(tmp_path, f"--log={saved(tmp_path, 'log', WHOLE)}")
    assert "What its next boot sets" not in log.stdout


def test_the_page_is_explained_with_the_evidence_that_was_named(tmp_path: Path) -> None:
    log, sysctl = saved(tmp_path, "my log", WHOLE), saved(tmp_path, "s", "net.core.somaxconn = 1\n")
    done = run(tmp_path, log, sysctl)
    assert f"Next: {EC2RL} explain conntrackfull '{log}' {sysctl}" in done.stdout
    piped = run(tmp_path, "-", stdin=WHOLE.encode())
    assert f"Next: {EC2RL} explain conntrackfull --page-only" in piped.stdout
