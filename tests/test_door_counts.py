"""Counters, settings and tables as people save them: read, or a named doubt, and never silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.test_kinds import STATS
from host.test_sos import MESSAGE
from test_door import judged, taken, verdict
from test_offline import QUIET, saved

pytestmark = pytest.mark.more

KEYS = "net.netfilter.nf_conntrack_max = 1450\nnet.netfilter.nf_conntrack_count = 1450\n"
EVICTED = STATS.replace("early_drop=0", "early_drop=9000")
ALLOWANCE = "NIC statistics:\n     conntrack_allowance_exceeded: 500\n     bw_in: 0\n"
FILE = "/proc/sys/net/netfilter/nf_conntrack_"
CRI = "2026-11-26T10:00:00.000000000Z stdout F "
MAX = "net.netfilter.nf_conntrack_max = 300\nnet.netfilter.nf_conntrack_buckets = 300\n"
TABLE = "".join(
    f"tcp      6 431999 ESTABLISHED src=10.0.0.{n} dst=10.0.1.1 sport=1{n} dport=443 src=10.0.1.1 "
    f"dst=10.0.0.{n} sport=443 dport=1{n} [ASSURED] mark=0 use=1\n"
    for n in range(300)
)
MANY = "".join(TABLE.replace("10.0.0.", f"10.{n}.0.") for n in range(2, 11))


def each(text: str, before: str) -> str:
    """A text with something in front of each of its lines."""
    return "".join(f"{before}{line}\n" for line in text.splitlines())


READ: dict[str, str | bytes] = {
    "a=b": KEYS.replace(" = ", "="),
    "a: b": KEYS.replace(" = ", ": "),
    "a/b = c": KEYS.replace(".", "/"),
    "grep -H": f"{FILE}max:1450\n{FILE}count:1450\n",
    "the path = b": f"{FILE}max = 1450\n{FILE}count = 1450\n",
    "head": f"==> {FILE}max <==\n1450\n\n==> {FILE}count <==\n1450\n",
    "cat behind prompts": f"$ cat {FILE}max\n1450\n$ cat {FILE}count\n1450\n",
    "sysctl behind a prompt": f"[root@web1 ~]# sysctl net.netfilter\n{KEYS}",
    "sysctl, quoted": each(KEYS, "> "),
    "sysctl, quoted twice": each(KEYS.replace(" = ", "="), "> > "),
    "sysctl, fenced": f"```\n{KEYS}```\n",
    "sysctl, with hard blanks": KEYS.replace(" ", "\u00a0"),
    "sysctl in UTF-16": KEYS.replace(" = ", "=").encode("utf-16"),
    "-S, quoted": each(EVICTED, "> "),
    "-S of a container": each(EVICTED, CRI),
    "-S behind a prompt": f"# conntrack -S\n{EVICTED}",
    "-C behind a prompt": "$ sudo conntrack -C\n1450\n$ sysctl -n net.nf_conntrack_max\n1450\n",
    "--count behind root's": f"[root@web1 ~]# conntrack --count\n1450\n# sysctl net\n{KEYS[:37]}\n",
    "-C, quoted": each(f"# conntrack -C conntrack\n1450\n# sysctl -a\n{KEYS[:37]}\n", "> "),
    "ethtool behind a prompt": f"$ ethtool -S eth0\n{ALLOWANCE}",
    "ethtool behind a title": f"eth0, at noon:\n{ALLOWANCE}",
    "ethtool, quoted": each(f"$ ethtool -S eth0\n{ALLOWANCE}", "> "),
    "ethtool, grepped": ALLOWANCE.splitlines()[1],
}


@pytest.mark.parametrize("form", READ)
@pytest.mark.sampled(4)
def test_counts_in_the_forms_that_people_save(tmp_path: Path, form: str) -> None:
    log, counts = saved(tmp_path, "log", QUIET), saved(tmp_path, "counts", READ[form])
    (one,) = judged(tmp_path, log, counts)
    assert verdict(one) == "WARNING"
    assert (one["host"]["gaps"], one["host"]["notes"]) == ([], [])


@pytest.mark.parametrize("blank", ["\t", "\u00a0", "\u2003", " \u00a0"])
def test_a_table_with_other_blanks_is_read(tmp_path: Path, blank: str) -> None:
    text = TABLE.replace(" ", blank) if len(blank) == 1 else TABLE.replace("  ", blank)
    files = [("log", QUIET), ("max", MAX), ("other", text)]
    (one,) = judged(tmp_path, *(saved(tmp_path, name, said) for name, said in files))
    assert (verdict(one), one["results"][0]["census"]["counted"]) == ("WARNING", 300)


DOUBTED = {
    "words of a person": "I see nf_conntrack_count at 262144 there.\n",
    "a table of a report": f"| early_drop | 9000 |\n| nf_conntrack_count | {1 << 18} |\n",
    "grep -H of ethtool": "eth0.txt:     conntrack_allowance_exceeded: 500\n",
    "a number": "262144\n",
    "the number of expectations": "$ conntrack -C expect\n262144\n",
    "how many were shown": "conntrack v1.4.6 (conntrack-tools): 9 flow entries have been shown.\n",
    "a table with commas": TABLE.replace("      ", ",").replace(" ", ","),
    "a log of a container": each("nf_conntrack_count 262144\n", CRI),
    "a page": f"<!DOCTYPE html>\n<html><body><pre>\n{KEYS}</pre></body></html>\n",
}


@pytest.mark.parametrize("what", DOUBTED)
@pytest.mark.sampled(4)
def test_what_may_hold_counts_is_a_named_doubt(tmp_path: Path, what: str) -> None:
    files = [saved(tmp_path, name, text) for name, text in (("log", QUIET), ("max", MAX))]
    other = saved(tmp_path, "other", DOUBTED[what])
    (one,) = judged(tmp_path, *files, other)
    assert verdict(one) == "UNKNOWN"
    assert other in str((one["host"]["gaps"], one["results"][0]))


@pytest.mark.parametrize(
    "text",
    [
        "Dear all,\nthe machine is slow: see nf_conntrack_max.\n",
        "Nov 26 10:00:00 web1 cron[7]: CMD (cat /proc/sys/net/netfilter/nf_conntrack_count)\n",
        "# for the next boot\nnet.netfilter.nf_conntrack_max=262144\nvm.swappiness = 1\n",
        "server.port=8080\nserver.name=x\n",
    ],
)
def test_what_holds_none_takes_nothing_away(tmp_path: Path, text: str) -> None:
    (one,) = judged(tmp_path, saved(tmp_path, "log", QUIET), saved(tmp_path, "other", text))
    assert verdict(one) == "OK"


def test_a_log_with_a_line_of_a_recording_is_a_log(tmp_path: Path) -> None:
    text = f"{QUIET}-- clock --\n[ 5000.000000] {MESSAGE}\n"
    (one,) = judged(tmp_path, saved(tmp_path, "log", text))
    assert (taken(one, tmp_path), verdict(one)) == (["log dmesg"], "PROBLEM")


SESSIONS = {
    "counters and settings behind prompts": f"# conntrack -S\n{EVICTED}# sysctl -a\n{KEYS}",
    "settings above counters": f"vm.swappiness = 60\nkernel.x = 1\nfs.file-max = 1\n{EVICTED}",
    "a driver's counters and settings": f"$ sysctl -a\n{KEYS}$ ethtool -S eth0\n{ALLOWANCE}",
    "a log and more": f"{QUIET}# conntrack -S\n{EVICTED}# sysctl -a\n{KEYS}",
    "a log, with the count behind it": f"{QUIET}$ conntrack -C\n1450\n$ sysctl net\n{KEYS[:37]}\n",
    "a mail": f"From: me@example.com\n\nLook:\n\n{each(QUIET, '> ')}\n{each(KEYS, '> ')}\nMe\n",
    "a table of megabytes, and its limit": f"$ conntrack -L\n{MANY}$ sysctl -a\n{MAX}",
}


@pytest.mark.parametrize("what", SESSIONS)
def test_each_output_of_a_pasted_session_is_read(tmp_path: Path, what: str) -> None:
    (one,) = judged(tmp_path, saved(tmp_path, "session", SESSIONS[what]))
    files = [entry["file"] for entry in one["host"]["evidence"]]
    assert len(files) >= 2
    assert all(", line" in name for name in files)
    assert (verdict(one), one["host"]["gaps"]) == ("WARNING", [])
    assert one["host"]["name"] == f"the file {tmp_path}/session"


@pytest.mark.parametrize("command", ["dmesg | head -40", "sudo dmesg -l err", "dmesg|grep -v x"])
def test_a_part_of_a_ring_buffer_is_no_silence(tmp_path: Path, command: str) -> None:
    (whole,) = judged(tmp_path, saved(tmp_path, "whole", f"$ dmesg\n{QUIET}"))
    (part,) = judged(tmp_path, saved(tmp_path, "part", f"$ {command}\n{QUIET}"))
    assert (verdict(whole), verdict(part)) == ("OK", "UNKNOWN")


def test_what_two_hosts_printed_in_one_session_is_judged_apart(tmp_path: Path) -> None:
    free = KEYS.replace("count = 1450", "count = 3")
    text = f"[me@web1 ~]$ sysctl -a\n{KEYS}[me@web2 ~]$ sysctl -a\n{free}"
    first, second = judged(tmp_path, saved(tmp_path, "session", text))
    assert (verdict(first), verdict(second)) == ("WARNING", "UNKNOWN")
    assert "they name the hosts web1 and web2" in first["host"]["apart"]
