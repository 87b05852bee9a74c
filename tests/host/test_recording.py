"""A recording, read again, answers every look as it was answered."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.queries.entries import ConntrackEntries
from ec2rl.conntrack.queries.kept import Entries
from ec2rl.host import Clock, Door, Journal, JournalRecord, Line, Phrase, Search
from ec2rl.host.caching import CachingHost
from ec2rl.host.query import Answer
from ec2rl.host.recording import CaseError, RecordedHost, case, inert, sections
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import replace
from support.examples import examples

if TYPE_CHECKING:
    from ec2rl.host.caching import Observation

PHRASES = (Phrase(b"full"), Phrase(b"oom", after=2))

# What a machine can put before us: any text, and above all text that looks like the form of a case.
odd = st.sampled_from(
    ["-- expect --", "!denied", "\\!", "\\", "-- ", "\r", "", " ", "; gap=x", "!"]
)
line = st.one_of(odd, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n")))
text = st.lists(line, max_size=4).map("\n".join)
name = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12
)
path = name.map("/var/".__add__)
words = st.text(st.characters(categories=["L", "N", "P", "Zs"])).map(str.strip)
time = st.integers(0, 2**32 * 1_000_000).map(lambda microseconds: microseconds / 1e6)
hit = st.one_of(st.just("it is full"), line.map("full".__add__), line.map("oom".__add__))


@st.composite
def found(draw: st.DrawFn, path: str) -> Search:
    texts = draw(st.lists(hit, max_size=3))
    lines, offset = [], 0
    for one in texts:
        lines.append(Line(offset, one))
        offset += len(one.encode()) + 1
    more = draw(st.integers(0, 5))
    unpacked = max(0, offset - 1) if not lines else offset + draw(st.integers(0, 9))
    return Search(path, tuple(lines), len(lines) + more, unpacked, draw(time), draw(words))


@st.composite
def journal(draw: st.DrawFn) -> Journal:
    records = [
        JournalRecord(
            one,
            draw(words),
            draw(st.one_of(st.none(), st.integers(0, 23))),
            draw(words),
            draw(st.one_of(st.none(), st.integers(0, 2**63))),
            draw(st.integers(0, 2**63)),
            hit=draw(st.booleans()),
        )
        for one in draw(st.lists(hit, max_size=3))
    ]
    gap = draw(words)
    hits = sum(record.hit for record in records) + draw(st.integers(0, 3))
    oldest = draw(st.one_of(st.none(), st.integers(1, 2**63)))
    return Journal(tuple(records), hits, ("journal",), (gap,) if gap else (), oldest)


def unreadable(source: str) -> st.SearchStrategy[Unreadable]:
    return st.builds(
        lambda why, detail: Unreadable(source, why, detail), st.sampled_from(tuple(Why)), words
    )


@st.composite
def looks(draw: st.DrawFn) -> dict[str, Observation]:
    memory: dict[str, Observation] = {
        "clock": Clock(draw(time), draw(st.one_of(st.none(), time))),
        "journal": draw(st.one_of(journal(), unreadable("journal"))),
    }
    for one in draw(st.lists(path, max_size=2, unique=True)):
        memory[one] = draw(st.one_of(st.builds(Evidence, st.just(one), text), unreadable(one)))
    for one in draw(st.lists(path, max_size=2, unique=True)):
        memory[f"search {one}"] = draw(st.one_of(found(one), unreadable(one)))
    for one in draw(st.lists(path, max_size=2, unique=True)):
        names = st.lists(name, unique=True).map(lambda found: tuple(sorted(found)))
        memory[f"ls {one}"] = draw(st.one_of(names, unreadable(one)))
    for one in draw(st.lists(path, max_size=2, unique=True)):
        link = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
        memory[f"link {one}"] = draw(st.one_of(link, unreadable(one)))
    for one in draw(st.lists(path, max_size=2, unique=True)):
        memory[f"inode {one}"] = draw(st.one_of(st.integers(0, 2**64), unreadable(one)))
    if draw(st.booleans()):
        saved = st.one_of(st.none(), st.integers(0, 2**40))
        total = draw(saved)
        memory["conntrack -L"] = draw(
            st.one_of(
                st.builds(
                    Entries,
                    st.just("conntrack -L") if total is None else words,
                    text.map(lambda lines: f"{lines}\n" if lines else ""),
                    st.just(total),
                    st.just(0.0) if total is None else time,
                    st.just("") if total is None else words,
                ).map(lambda table: Answer(ConntrackEntries(), table)),
                unreadable("conntrack -L"),
            )
        )
    return memory


def read_again(memory: dict[str, Observation], host: RecordedHost) -> dict[str, Observation]:
    """Take every look that the memory holds once more."""
    again = CachingHost(host)
    for key in memory:
        kind, _, rest = key.partition(" ")
        if kind == "clock":
            again.clock()
        elif kind == "journal":
            again.journal(PHRASES)
        elif kind == "search":
            again.search([rest], PHRASES)
        elif kind == "ls":
            again.names(rest)
        elif kind == "link":
            again.link(rest)
        elif kind == "inode":
            again.inode(rest)
        elif key == "conntrack -L":
            again.query(ConntrackEntries())
        else:
            again.read(key)
    return again.memory


@examples(100)
@given(looks())
@pytest.mark.more
def test_every_look_comes_back(memory: dict[str, Observation]) -> None:
    _, found = sections(case(memory, ["OK x: y"]))
    assert read_again(memory, RecordedHost(found)) == memory


@examples(100)
@given(looks())
@pytest.mark.more
def test_a_recording_of_comments_is_the_same_recording(memory: dict[str, Observation]) -> None:
    plain = case(memory, ["OK x: y"])
    comments = inert(plain)
    assert sections(comments) == sections(plain)
    # A line ends at a carriage return for Python and others.
    assert {line[:2] for line in re.split("[\r\n]", comments)[:-1]} <= {"# ", "#\t"}


def test_a_recording_that_an_editor_has_cut_spaces_from_is_read() -> None:
    assert sections("# t\n# -- /a --\n# x\n#\n# y\n") == ("t", {"/a": "x\n\ny\n"})
    with pytest.raises(CaseError, match="line 3: it does not begin with '# '"):
        sections("# t\n# -- /a --\nreboot\n")


EVIL = (
    "\r#\n* * * * * root touch $EVIL\ntouch $EVIL\r\ntouch $EVIL; import os; os.mknod('$EVIL')\r"
    "import os; os.mknod('$EVIL')\n0 ALL=(ALL) ALL\n-1 ALL=(ALL) ALL\ninclude /etc/x\n$EVIL\n"
    "kernel.core_pattern=|$EVIL\n\\\ntouch $EVIL\n"
)


@pytest.mark.parametrize("place", ["title", "look", "expected"])
def test_no_line_of_a_recording_does_anything(place: str, tmp_path: Path) -> None:
    """Whichever reader takes it for its own: a shell, a .pth file, a module of Python's."""
    evil = EVIL.replace("$EVIL", str(tmp_path / "done"))
    memory: dict[str, Observation] = {"/x": Evidence("/x", evil if place == "look" else "x\n")}
    text = inert((evil if place == "title" else "") + case(memory, [evil] * (place == "expected")))
    file = tmp_path / "x.pth"
    file.write_bytes(text.encode())
    code = "import site, sys; site.addpackage(sys.argv[1], 'x.pth', set()); print(sys.path)"
    for command in (["sh"], ["sh", "-n"], ["bash"], [sys.executable], [sys.executable, "-c", code]):
        words = [str(tmp_path)] if command[1:] == ["-c", code] else [str(file)]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "touch" not in done.stdout
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("reader", [["sysctl", "-p"], ["visudo", "-c", "-f"], ["modprobe", "-C"]])
def test_no_line_of_a_recording_is_a_setting(reader: list[str], tmp_path: Path) -> None:
    if shutil.which(reader[0]) is None:
        pytest.skip(f"no {reader[0]} here")
    file = tmp_path / "x"
    file.write_bytes(inert(case({"/x": Evidence("/x", EVIL)}, [])).encode())
    file.chmod(0o440)
    more = ["-c"] if reader[0] == "modprobe" else []
    done = subprocess.run([*reader, str(file), *more], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "EVIL" not in done.stdout
    assert "ALL" not in done.stdout


def test_looks_from_a_namespace_and_after_a_pause_come_back() -> None:
    memory: dict[str, Observation] = {
        "/proc/x": Evidence("/proc/x", "1\n"),
        "netns /run/netns/a: /proc/x": Evidence("netns /run/netns/a: /proc/x", "2\n"),
        "later: /proc/x": Evidence("/proc/x", "3\n"),
        "later: netns /run/netns/a: /proc/x": Evidence("netns /run/netns/a: /proc/x", "4\n"),
    }
    host = CachingHost(RecordedHost(sections(case(memory, []))[1]))
    host.read("/proc/x")
    host.within(Door("/run/netns/a")).read("/proc/x")
    host.later(1).read("/proc/x")
    host.later(1).within(Door("/run/netns/a")).read("/proc/x")
    assert host.memory == memory


def test_a_log_that_was_read_whole_and_searched_too_is_two_looks() -> None:
    memory: dict[str, Observation] = {
        "/var/log/x": Evidence("/var/log/x", "a\nfull\n"),
        "search /var/log/x": Search("/var/log/x", (Line(0, "full"),), 1, 7, 12.5),
    }
    again = read_again(memory, RecordedHost(sections(case(memory, []))[1]))
    assert again["/var/log/x"] == memory["/var/log/x"]
    assert again["search /var/log/x"] == memory["search /var/log/x"]


def test_lines_behind_a_hit_stay_with_it() -> None:
    record = JournalRecord("oom", "kernel", 0, "b", 1, 2)
    memory: dict[str, Observation] = {
        "journal": Journal(
            (record, replace(record, message="x", hit=False)), 1, ("journal",), (), 1
        ),
        "search /log": Search("/log", (Line(0, "oom"), Line(4, "one", False)), 1, 8, 0.0),
    }
    assert read_again(memory, RecordedHost(sections(case(memory, []))[1])) == memory


def test_what_nobody_recorded_is_not_said_to_be_absent() -> None:
    host = RecordedHost({"/a": "1"}, missing=Why.NOT_COLLECTED)
    assert host.read("/b") == Unreadable("/b", Why.NOT_COLLECTED)
    assert host.within(Door("/n")).read("/b") == Unreadable("netns /n: /b", Why.NOT_COLLECTED)


def test_a_recording_is_plain_to_read() -> None:
    memory: dict[str, Observation] = {
        "clock": Clock(1790000000.25, 60.5),
        "/proc/x": Evidence("/proc/x", "12\n"),
        "/dev/kmsg": Unreadable("/dev/kmsg", Why.DENIED, "needs CAP_SYSLOG"),
    }
    assert case(memory, ["UNKNOWN a: b"], "sample=1") == (
        "A recording; read it before you send it: it holds log lines and settings.\n"
        "-- options --\nsample=1\n"
        "-- clock --\nnow=2026-09-21T14:13:20.25Z uptime=60.5\n"
        "-- /proc/x --\n12\n"
        "-- /dev/kmsg --\n!denied needs CAP_SYSLOG\n"
        "-- expect --\nUNKNOWN a: b\n"
    )


@pytest.mark.parametrize("when", [1.8e13, -1e15, float("inf")])
def test_a_time_that_no_calendar_has_is_the_nearest_that_one_has(when: float) -> None:
    from ec2rl.host.notes import format_time, parse_time

    assert format_time(parse_time(format_time(when))) == format_time(when)
