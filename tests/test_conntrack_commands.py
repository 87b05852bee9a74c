"""`ec2rl conntrack ...` on saved tables: whole output, whole errors, as a person calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ec2rl.conntrack.table.timeouts import DEFAULTS

pytestmark = pytest.mark.more

SOURCE = Path(__file__).resolve().parent.parent / "src"
START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from ec2rl.cli import main; sys.exit(main())"
)


def ec2rl(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as the launcher does."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", START, str(SOURCE), *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def established(port: int, left: int) -> str:
    return (
        f"ipv4     2 tcp      6 {left} ESTABLISHED src=10.0.9.31 dst=10.0.4.17 sport={port} "
        f"dport=443 src=10.0.4.17 dst=10.0.9.31 sport=443 dport={port} [ASSURED] mark=0 use=1"
    )


SMALL = "\n".join(
    [
        *(established(1024 + i, 432000 - 3600 * i) for i in range(6)),
        "ipv4     2 tcp      6 100 SYN_SENT src=198.18.0.1 dst=192.0.2.1 sport=5000 dport=80 "
        "[UNREPLIED] src=192.0.2.1 dst=198.18.0.1 sport=80 dport=5000 mark=7 use=1",
        "ipv6     10 udp      17 20 src=2001:db8::1 dst=2001:db8::53 sport=4000 dport=53 "
        "src=2001:db8::53 dst=2001:db8::1 sport=53 dport=4000 mark=0 zone=5 use=1",
        "",
    ]
)


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "table"
    path.write_text(SMALL)
    return str(path)


@pytest.fixture
def theirs(tmp_path: Path) -> str:
    """What `sysctl -a` printed on the machine of the table: nothing but timeouts."""
    path = tmp_path / "sysctl_-a"
    lines = (f"net.netfilter.nf_conntrack_{name} = {value}" for name, value in DEFAULTS.items())
    path.write_text("kernel.ostype = Linux\n" + "\n".join(lines) + "\n")
    return f"--sysctl={path}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "conntrack what? one of top, whatif, size, namespaces, list, boot, free"),
        (("tpo",), "unknown conntrack 'tpo': did you mean top?"),
        (("top", "--by=colour"), "--by=colour: one of src, dst, service, pair, state, protocol,"),
        (("top", "--limit=0"), "--limit=0: not a number from 1 to 100"),
        (("top", "--sample=-3"), "--sample=-3: not a number from 1 to 10,000,000"),
        (("top", "--file=a", "--netns=b"), "--file and --netns exclude each other"),
        (("top", "--file=a", "--by=owner"), "--by=owner looks at the processes of this machine"),
        (
            ("top", "--sampel=3"),
            "unknown option of conntrack top '--sampel': did you mean --sample?",
        ),
        (("whatif", "nonsense=3"), "no timeout is called 'nonsense'; known are generic_timeout, "),
        (
            ("whatif", "udp_timeout=-3"),
            "udp_timeout=-3: not a number of seconds from 1 to 2,147,483,647; ",
        ),
        (("whatif", "udp_timeout=many"), "udp_timeout=many: not a number of seconds"),
        (
            ("whatif", "udp_timeout=0"),
            "udp_timeout=0: not a number of seconds from 1 to 2,147,483,647",
        ),
        (("size", "--interval=x"), "--interval=x: not a number of seconds from 0 to 3,600"),
        (("list", "--src=10.0.0.0/33"), "10.0.0.0/33: the number of bits is from 0 to 32"),
        (("list", "--dst=here"), "here: no address, as 10.0.4.17, 10.0.0.0/8 or 2001:db8::/32"),
        (("list", "--state=OPENED"), "OPENED: no state; known are NONE, SYN_SENT, "),
        (("list", "--protocol=tpc"), "tpc: no protocol; known are icmp, igmp, ipencap, tcp, "),
        (("list", "--dport=65536"), "--dport=65536: not a number from 0 to 65,535"),
        (("list", "--dport=htps"), "--dport=htps: no service in /etc/services: take a number "),
        (("list", "--mark=0xg"), "--mark=0xg: not a number from 0 to 4,294,967,295"),
        (("namespaces", "--sample=9"), "unknown option of conntrack namespaces '--sample'"),
        (("free",), "free needs a filter, as --unreplied or --src=ADDRESS: it never takes all"),
        (("free", "--netns=all", "--unreplied"), "free takes one namespace at a time"),
        (("free", "--netns", "", "--unreplied"), "--netns needs a value"),
        (("boot", "--root", ""), "--root needs a value"),
        (("free", "--unreplied", "--file=a"), "unknown option of conntrack free '--file'"),
    ],
)
@pytest.mark.sampled(4)
def test_a_wrong_command_line(words: tuple[str, ...], said: str) -> None:
    done = ec2rl("conntrack", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ec2rl: {said}")


def test_help_of_all_and_of_one() -> None:
    every = ec2rl("help", "conntrack").stdout
    one = ec2rl("help", "conntrack", "free").stdout
    assert one in every
    assert one.startswith("Usage: ec2rl conntrack free [OPTIONS]\n")
    assert ec2rl("conntrack", "--help").stdout == every
    assert ec2rl("conntrack", "free", "--help").stdout == one


def test_top_of_a_saved_table(small: str, theirs: str) -> None:
    done = ec2rl("conntrack", "top", f"--file={small}", theirs, "--limit=2")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == f"""\
{small}: 8 entries
    When it is full, 25% can be evicted for a new connection, 0% slowly
    (closing); 75% stay.

Why: none of the known causes stands out: fewer than 1,000 entries tell little.

State                     entries share  idle (half, 9 in 10)
tcp ESTABLISHED ASSURED         6   75%  2 h, 5 h 2 min
tcp SYN_SENT UNREPLIED          1   12%  20 s, 20 s
(and 1 more)

Connections                      entries share
10.0.9.31 -> 10.0.4.17:443/tcp         6   75%  tcp ESTABLISHED
198.18.0.1 -> 192.0.2.1:80/tcp         1   12%  tcp SYN_SENT
(and 1 more)

Source                 entries share
10.0.9.31                    6   75%  tcp ESTABLISHED
2001:db8::1                  1   12%  udp
(and 1 more)

Service                entries share
10.0.4.17:443/tcp            6   75%  tcp ESTABLISHED
192.0.2.1:80/tcp             1   12%  tcp SYN_SENT
(and 1 more)

"""
    )


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("protocol", [("tcp", "7", "88%"), ("udp", "1", "12%")]),
        ("mark", [("7", "1", "12%")]),
        ("zone", [("5", "1", "12%")]),
        (
            "dst",
            [("10.0.4.17", "6", "75%"), ("2001:db8::53", "1", "12%"), ("192.0.2.1", "1", "12%")],
        ),
    ],
)
def test_top_by(small: str, theirs: str, by: str, rows: list[tuple[str, str, str]]) -> None:
    done = ec2rl("conntrack", "top", f"--file={small}", theirs, f"--by={by}")
    lines = done.stdout.splitlines()[5:]
    assert [tuple(line.split()[:3]) for line in lines if line] == rows


def test_top_as_json_knows_what_it_does_not_know(small: str) -> None:
    found = json.loads(ec2rl("conntrack", "top", f"--file={small}", "--json").stdout)
    (table,) = found["tables"]
    assert found["schema_version"] == 1
    assert [table[name] for name in ("count", "max", "fill", "counted")] == [None] * 4
    assert [table[name] for name in ("seen", "evictable", "evictable_later")] == [8, 2, 0]
    assert table["pairs"]["rows"][0] == {
        "key": "10.0.9.31 -> 10.0.4.17:443/tcp",
        "source": "10.0.9.31",
        "destination": "10.0.4.17",
        "port": 443,
        "protocol": "tcp",
        "translated": None,
        "entries": 6,
        "share": 0.75,
        "kinds": [
            {
                "protocol": "tcp",
                "state": "ESTABLISHED",
                "assured": True,
                "answered": True,
                "offloaded": False,
                "entries": 6,
            }
        ],
    }


def test_what_if_of_a_saved_table(small: str, theirs: str) -> None:
    words = ("conntrack", "whatif", f"--file={small}", theirs, "tcp_timeout_established=9000")
    done = ec2rl(*words)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    row = next(line for line in lines if line.startswith("tcp_timeout_established "))
    assert row.split() == [
        *("tcp_timeout_established", "5", "d", "2", "h", "30", "min", "6", "3", "3", "-")
    ]
    assert "Together: 5 of 8 entries (62%) would be there." in lines
    assert "Now: nothing changes." in done.stdout
    assert "Caution, tcp_timeout_established: an idle connection" in done.stdout
    assert done.stdout.count("#") > 100
    assert max(map(len, lines[1:])) <= 80
    found = json.loads(ec2rl(*words, "--json").stdout)
    (effect,) = found["tables"][0]["timeouts"]
    assert [effect[name] for name in ("gone_now", "gone_steady", "cut")] == [0, 3, 3]
    assert effect["curve"][-1] == [432000, 6]


def test_what_if_without_wishes_halves_what_is_used(small: str, theirs: str) -> None:
    found = json.loads(ec2rl("conntrack", "whatif", f"--file={small}", theirs, "--json").stdout)
    assert [(one["setting"], one["wanted"]) for one in found["tables"][0]["timeouts"]] == [
        ("tcp_timeout_established", 216000),
        ("tcp_timeout_syn_sent", 60),
        ("udp_timeout", 15),
    ]


def test_size_of_a_saved_table_cannot_tell_when_it_is_full(small: str) -> None:
    done = ec2rl("conntrack", "size", f"--file={small}")
    assert done.returncode == 0
    assert "Full in:      unknown: that takes two looks, see --interval\n" in done.stdout
    (table,) = json.loads(ec2rl("conntrack", "size", f"--file={small}", "--json").stdout)["tables"]
    assert (table["growth"], table["seconds_to_full"]) == ([], None)


def test_size_of_a_saved_table_uses_nothing_of_this_host(small: str) -> None:
    text = ec2rl("conntrack", "size", f"--file={small}").stdout
    assert "Recommended:  max 16,384, buckets 16,384 (of the machine that it is from" in text
    assert (
        "320 + 128 bytes an entry (assumed: /proc/slabinfo: not collected), 8 a bucket"
        in " ".join(text.split())
    )
    assert "this machine's memory" not in text
    found = json.loads(ec2rl("conntrack", "size", f"--file={small}", "--json").stdout)
    (table,), one = found["tables"], found["recommended"]
    assert (table["max"], table["buckets"], table["memory"]["share"]) == (None, None, None)
    assert (one["max"], one["buckets"], one["entry"]["bytes"]) == (16384, 16384, 320)
    assert (one["now"], one["set"], one["memory"]["share"]) == (None, None, None)


@pytest.mark.parametrize(
    ("filters", "ports"),
    [
        ([], [1024, 1025, 1026, 1027, 1028, 1029, 5000, 4000]),
        (["--src=10.0.0.0/8", "--idle-over=4h"], [1028, 1029]),
        (["--unreplied"], [5000]),
        (["--dst=2001:db8::/32"], [4000]),
        (["--state=syn_sent,established", "--dport=80"], [5000]),
        (["--protocol=udp", "--zone=5"], [4000]),
        (["--zone=0", "--mark=0x7"], [5000]),
        (["--protocol=17", "--zone=0"], []),
    ],
)
@pytest.mark.sampled(3)
def test_list_with_filters(small: str, theirs: str, filters: list[str], ports: list[int]) -> None:
    words = ("conntrack", "list", f"--file={small}", theirs, *filters)
    text = ec2rl(*words)
    assert [
        int(line.partition("sport=")[2].split()[0]) for line in text.stdout.splitlines()
    ] == ports
    found = json.loads(ec2rl(*words, "--json").stdout)
    assert [entry["original"]["source_port"] for entry in found["entries"]] == ports


def test_what_is_listed_can_be_read_again(small: str, tmp_path: Path) -> None:
    listed = ec2rl("conntrack", "list", f"--file={small}").stdout
    (tmp_path / "again").write_text(listed)
    assert ec2rl("conntrack", "list", f"--file={tmp_path / 'again'}").stdout == listed
    assert len(ec2rl("conntrack", "list", f"--file={small}", "--limit=3").stdout.splitlines()) == 3


def test_a_capture_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "poem").write_text("roses are red\n")
    done = ec2rl("conntrack", "top", f"--file={tmp_path / 'poem'}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"ec2rl: {tmp_path / 'poem'}: failed (no line of it is an entry of a conntrack table)\n"
    )
    assert ec2rl("conntrack", "top", f"--file={tmp_path / 'none'}").returncode == 3


def test_a_capture_with_lines_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "mixed").write_text("roses\n\x1b[2J\n" + SMALL + "cut off in the mid")
    done = ec2rl("conntrack", "top", f"--file={tmp_path / 'mixed'}", "--by=protocol")
    assert "    Note: 1 line is no entry.\n    Note: its last line is cut off.\n" in done.stdout
    assert "\x1b" not in done.stdout


def test_no_word_of_a_capture_moves_the_cursor(tmp_path: Path) -> None:
    hostile = SMALL.replace("use=1", "helper=\x1b[2Jx use=1")
    path = tmp_path / "\x1b[2J"
    path.write_text(hostile)
    for words in (("top",), ("whatif",), ("size",), ("list",)):
        done = ec2rl("conntrack", *words, f"--file={path}")
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        assert ("helper=x" if words == ("list",) else "\\x1b[2J") in done.stdout


def test_another_machines_table_is_not_judged_by_our_timeouts(small: str) -> None:
    note = "Note: the timeouts in force are not known (tcp_timeout_established,"
    top = ec2rl("conntrack", "top", f"--file={small}").stdout
    assert note in top
    assert "tcp ESTABLISHED ASSURED         6   75%  at least 2 h, 5 h 2 min\n" in top
    wished = ("whatif", "tcp_timeout_established=9000", "udp_timeout=5")
    text = ec2rl("conntrack", *wished, f"--file={small}").stdout
    assert note in text
    row = "tcp_timeout_established       unknown 2 h 30 min       6     3-6     3-6       -"
    assert row in text
    assert (
        "udp_timeout                   unknown        5 s       1     0-1     0-1       -" in text
    )
    assert "Together: between 1 and 5 of 8 entries (today's " in text
    assert (
        "Today's timeouts are not known" in ec2rl("conntrack", "whatif", f"--file={small}").stdout
    )
    listed = ec2rl("conntrack", "list", f"--file={small}", "--idle-over=2h")
    assert (listed.returncode, listed.stdout) == (3, "")
    assert "how long an entry has been idle is known only where the timeouts in" in listed.stderr
    size = ec2rl("conntrack", "size", f"--file={small}")
    assert note in size.stdout
    assert "Needed:       at least 8 entries" in size.stdout


def test_what_the_other_machine_said_of_itself(small: str, tmp_path: Path) -> None:
    path = tmp_path / "sysctl"
    path.write_text("net.ipv4.netfilter.ip_conntrack_max = 16\nnet.netfilter.x = !\n")
    text = ec2rl("conntrack", "top", f"--file={small}", f"--sysctl={path}").stdout
    assert text.startswith(f"{small}: 8 entries\n")
    assert ec2rl("conntrack", "top", f"--sysctl={path}").returncode == 2
    path.write_text("kernel.ostype = Linux\n")
    done = ec2rl("conntrack", "top", f"--file={small}", f"--sysctl={path}")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no setting of conntrack is in it" in done.stderr


def test_a_namespace_that_there_is_not() -> None:
    done = ec2rl("conntrack", "top", "--netns=ec2rl-no-such-name")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(
        "ec2rl: netns ec2rl-no-such-name: absent (no namespace of this name"
    )
    assert ec2rl("conntrack", "list", "--netns=999999999").returncode == 3


def test_boot_tells_the_limit_and_the_buckets() -> None:
    done = ec2rl("conntrack", "boot")
    assert done.returncode in (0, 3)
    assert done.stdout.startswith("After a reboot:\n")
    found = json.loads(ec2rl("conntrack", "boot", "--json").stdout)
    keys = [setting["key"] for setting in found["settings"]]
    assert keys[:2] == ["net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets"]


def test_namespaces_as_json_and_text() -> None:
    done = ec2rl("conntrack", "namespaces")
    found = json.loads(ec2rl("conntrack", "namespaces", "--json").stdout)
    assert found["namespaces"] or found["hidden"]
    assert done.stdout
