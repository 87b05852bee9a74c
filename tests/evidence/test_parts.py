"""A text in which several programs printed, split into its parts."""

from __future__ import annotations

import pytest

from ec2rl.evidence.kinds import HEAD, kind_of, plain
from ec2rl.evidence.parts import SOME, may_have_parts, parts_of
from evidence.test_kinds import DMESG, ENTRY, ETHTOOL, MEMINFO, NETSTAT, NSTAT, STATS, SYSLOG

KEYS = "net.netfilter.nf_conntrack_count = 65530\nnet.netfilter.nf_conntrack_max = 65536\n"
UNAME = "Linux web1 6.1.0-13-amd64 #1 SMP Debian 6.1.55-1 x86_64 GNU/Linux\n"


def split(text: str) -> list[tuple[str, tuple[int, int]]]:
    head = text.encode()[:HEAD]
    kind = kind_of(head)
    if not may_have_parts(kind, plain(head)):
        return []
    return [(part.kind.name, part.lines) for part in parts_of(kind, plain(text.encode()))]


def texts(text: str) -> dict[str, str]:
    parts = parts_of(kind_of(text.encode()), plain(text.encode()))
    return {part.kind.name: part.text.decode() for part in parts}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            f"{DMESG}\n$ sysctl -a | grep conntrack\n{KEYS}$ conntrack -S\n{STATS}",
            [("dmesg", (1, 2)), ("sysctl -a", (5, 6)), ("conntrack -S", (8, 8))],
        ),
        (
            f"{ENTRY * 3}{STATS}{KEYS}{UNAME}",
            [
                ("conntrack -L", (1, 3)),
                ("conntrack -S", (4, 4)),
                ("sysctl -a", (5, 6)),
                ("uname -a", (7, 7)),
            ],
        ),
        (
            f"{ETHTOOL}{KEYS}\n{MEMINFO}{NSTAT}",
            [
                ("ethtool -S", (1, 3)),
                ("sysctl -a", (4, 5)),
                ("/proc/meminfo", (7, 8)),
                ("nstat", (9, 11)),
            ],
        ),
        (
            f"[me@web1 ~]$ netstat -s\n{NETSTAT}[me@web1 ~]$ tail -1 /var/log/messages\n{SYSLOG}",
            [("netstat -s", (2, 6)), ("syslog", (8, 8))],
        ),
        (
            f"From: x@y\n\nHello,\n\n> {DMESG.rstrip()}\n\n> {KEYS.rstrip()}\n",
            [("dmesg", (1, 6)), ("sysctl -a", (8, 9))],
        ),
        (
            f"web1:~ # conntrack -C\n65530\nweb1:~ # free\nMem: 1 2\nweb1:~ # dmesg\n{DMESG}",
            [("sysctl -a", (1, 2)), ("dmesg", (4, 7))],
        ),
    ],
)
def test_what_several_programs_printed(text: str, found: list[tuple[str, tuple[int, int]]]) -> None:
    assert split(text) == found


@pytest.mark.parametrize(
    "text",
    [
        DMESG,
        KEYS,
        f"$ sysctl -a\n{KEYS}",
        f"```\n{KEYS}```\n",
        f"eth0, at noon:\n{ETHTOOL}",
        f"Dear all,\nwhat is nf_conntrack_max?\n{DMESG}",
        f"web1 login: \n{DMESG}{KEYS}",
        "<?xml version='1.0'?>\n<conntrack>\n<flow></flow>\n</conntrack>\n",
        "entries 1\nsearched 2\nfound 3\n",
        f'{{"events": [{{"message": "x"}}]}}\n{KEYS}',
    ],
)
def test_what_is_of_one_program_stays_whole(text: str) -> None:
    assert split(text) == []


def test_of_what_was_printed_twice_the_last_counts_and_the_first_is_told() -> None:
    later = STATS.replace("drop=3", "drop=7")
    text = f"$ conntrack -S\n{STATS}$ sysctl -a\n{KEYS}$ conntrack -S\n{later}"
    assert split(text) == [
        ("conntrack -S, and line 7 has a later one", (2, 2)),
        ("sysctl -a", (4, 5)),
        ("conntrack -S", (7, 7)),
    ]
    assert "drop=7" in texts(text)["conntrack -S"]
    keys = f"{DMESG}$ sysctl -a\n{KEYS}# conntrack -C\n1200\n"
    assert texts(keys)["sysctl -a"].splitlines() == [
        "/proc/sys/net/netfilter/nf_conntrack_count: 1200",
        "/proc/sys/net/netfilter/nf_conntrack_max: 65536",
    ]


@pytest.mark.parametrize(
    "command", ["dmesg | head", "sudo dmesg | grep -i eth", "dmesg -l err", "dmesg -T --level=err"]
)
def test_a_ring_buffer_that_was_not_printed_whole_is_known_by_its_command(command: str) -> None:
    assert split(f"[me@web1 ~]$ {command}\n{DMESG}") == [(SOME.name, (2, 3))]
    assert split(f"$ uname -a\n{UNAME}$ {command}\n{DMESG}")[1] == (SOME.name, (4, 5))
    assert split(f"$ dmesg -T\n{DMESG}") == [("dmesg", (2, 3))]


def test_what_a_file_would_set_is_not_in_force() -> None:
    text = f"$ cat /etc/sysctl.d/9.conf\n{KEYS}$ dmesg\n{DMESG}$ conntrack -S\n{STATS}"
    assert [name for name, _ in split(text)] == ["dmesg", "conntrack -S"]
    above = f"{DMESG}# for the next boot\nnet.ipv4.ip_forward = 1\n"
    assert split(above)[1] == ("sysctl.conf, which a boot reads", (3, 4))


def test_the_lines_of_a_log_stay_where_they_were_and_no_prompt_is_glued_to_them() -> None:
    later = "[   77.000000] y\n"
    text = f"[a@b ~]# dmesg\n{DMESG}[a@b ~]# uname -a\n{UNAME}[a@b ~]# dmesg|tail\n{DMESG}{later}"
    shown_again = "\n" * DMESG.count("\n")
    assert texts(text)["dmesg"] == f"{DMESG}\n\n\n{shown_again}{later}"


def test_each_host_that_the_prompts_name_has_its_own() -> None:
    text = f"[me@web1 ~]$ conntrack -S\n{STATS}[me@web2 ~]$ dmesg\n{DMESG}"
    text += f"ubuntu@web2:~$ dmesg\n{DMESG}"
    parts = parts_of(kind_of(text.encode()), text.encode())
    assert [(part.kind.name, part.host) for part in parts] == [
        ("conntrack -S", "web1"),
        ("dmesg", "web2"),
    ]


HEADINGS = [
    ("web1 | CHANGED | rc=0 >>", "web2 | FAILED | rc=1 >>"),
    ("web1 | SUCCESS | rc=0 >>", "web2 | SUCCESS | rc=0 >>"),
    ("web1 | CHANGED | rc=0 | (stdout) >>", "web2 | UNREACHABLE! => {"),
    ("[1] 01:02:03 [SUCCESS] web1", "[2] 01:02:04 [SUCCESS] web2"),
    ("[1] 01:02:03 [SUCCESS] root@web1:22", "[2] 01:02:09 [FAILURE] web2 Exited with error code 1"),
]


@pytest.mark.parametrize(("first", "second"), HEADINGS)
def test_what_many_hosts_were_asked_at_once_is_each_hosts_own(first: str, second: str) -> None:
    for theirs, kind in ((DMESG, "dmesg"), (STATS, "conntrack -S")):
        text = plain(f"{first}\n{DMESG}{second}\n{theirs}\n".encode())
        assert may_have_parts(kind_of(text), text)
        parts = parts_of(kind_of(text), text)
        assert {(part.kind.name, part.host) for part in parts} == {
            ("dmesg", "web1"),
            (kind, "web2"),
        }


@pytest.mark.parametrize("between", [": ", " | ", "  | ", ":"])
def test_each_hosts_lines_behind_its_name_are_its_own(between: str) -> None:
    both = [f"{name}{between}{line}" for line in DMESG.splitlines() for name in ("web-1", "web-2")]
    text = "\n".join(both).encode()
    assert may_have_parts(kind_of(text), text)
    parts = parts_of(kind_of(text), text)
    assert [(part.kind.name, part.host) for part in parts] == [
        ("dmesg", "web-1"),
        ("dmesg", "web-2"),
    ]
    assert parts[1].text.decode().split() == DMESG.split()


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"web-1: {line}\n" for line in DMESG.splitlines()),
        f"web-1: {DMESG}another line\nweb-2: {DMESG}",
        "".join(f"app-{n % 2} | [   {n}.000000] x\napp-{n % 2} | y\napp-0 | z\n" for n in range(9)),
    ],
)
def test_names_in_front_of_some_lines_are_no_hosts(text: str) -> None:
    assert "web-2" not in {part.host for part in parts_of(kind_of(text.encode()), text.encode())}
    assert "app-1" not in {part.host for part in parts_of(kind_of(text.encode()), text.encode())}
