"""The sample that the diagnosis takes: text and ctnetlink's bytes say the same."""

from __future__ import annotations

import pytest

from ec2rl.conntrack.queries.kept import Entries
from ec2rl.conntrack.table.capture import parse_line
from ec2rl.conntrack.table.kept import count_entries
from ec2rl.conntrack.table.table_sample import TableSample, table_sample_facts, table_sample_lines
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.report.wording import lines
from support import fill
from support.fill import mixture

ROWS = [
    fill.Row("10.0.9.31", "10.0.4.17", 1024 + i, 443, 6, 3, 6, 431000 - 100 * i)
    for i in range(1400)
] + list(mixture(600))


def raw(row: fill.Row) -> str:
    return fill.message(row)[16:].hex()


def test_the_cause_and_what_cannot_be_evicted() -> None:
    text = "".join(f"{raw(row)}\n" for row in ROWS)
    one = TableSample("netns 7", 7, count_entries(Entries("conntrack -L", text), DEFAULTS, 250_000))
    assert lines(table_sample_lines(one)) == [
        "netns 7: 70% of the entries are one client: 10.0.9.31 -> 10.0.4.17:443/tcp",
        "Evictable: 12% at once, 9% slowly, 79% not at all (seen: 2,000 of 250,000)",
        "Details: sudo ./ec2rl conntrack top --netns=7",
    ]
    facts = table_sample_facts(one)
    assert (facts["seen"], facts["counted"]) == (2000, 250_000)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("t.txt", "./ec2rl conntrack top --file=t.txt"),
        ("a b.txt", "./ec2rl conntrack top --file='a b.txt'"),
        ("a;reboot", "./ec2rl conntrack top --file='a;reboot'"),
        ("standard input", "./ec2rl conntrack top --file=- (with that table as its input)"),
        (
            "sos_commands/networking/conntrack_-L",
            "take sos_commands/networking/conntrack_-L out of the sosreport, then: "
            "./ec2rl conntrack top --file=conntrack_-L",
        ),
        ("a, b", "`./ec2rl conntrack top` takes one of these files by its --file="),
    ],
)
def test_what_to_type_for_a_saved_table_can_be_typed(source: str, said: str) -> None:
    text = "".join(f"{raw(row)}\n" for row in ROWS[:10])
    seen = count_entries(Entries(source, text), DEFAULTS, 10)
    told = lines(table_sample_lines(TableSample("netns 7", 7, seen, saved=1790000000.0)))
    assert told[-1] == f"Details: {said}"


def test_lines_of_any_kind_and_none() -> None:
    line = (
        "ipv4     2 tcp      6 100 SYN_SENT src=198.18.0.1 dst=192.0.2.1 sport=5000 dport=80 "
        "[UNREPLIED] src=192.0.2.1 dst=198.18.0.1 sport=80 dport=5000 mark=0 use=1"
    )
    assert parse_line(line.encode()).state == "SYN_SENT"
    text = f"{line}\n{raw(ROWS[0])}\nroses are red\n0ab\nzz\n\xe9 = 1\n00\n"
    seen = count_entries(Entries("conntrack -L", text), DEFAULTS, None)
    assert seen.total == 2
    assert [str(row.key) for row in seen.services.rows] == ["10.0.4.17:443/tcp", "192.0.2.1:80/tcp"]
