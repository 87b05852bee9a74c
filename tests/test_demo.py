"""`ec2rl demo`: every recording plays to its end, each screen is marked, and nothing is written."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from ec2rl.commands.demo import demo, names, screens
from support.lacking import MAIN, ec2rl

pytestmark = pytest.mark.more

FOUND = {
    "full-table": "[FAILURE] Conntrack table full errors found. 40 occurrences in dmesg",
    "neighbours": "[FAILURE] Neighbour table overflows found. 20 occurrences in dmesg",
    "oom-kill": "[FAILURE] oom-killer invocations found. 1 occurrence in dmesg",
    "volume": "[WARN] 120 table-full lines found only where any user can write",
}


def test_every_recording_is_known_here() -> None:
    assert set(names()) == set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_a_recording_plays_what_its_commands_show(name: str) -> None:
    done = ec2rl((), "demo", name)
    assert (done.returncode, done.stderr) == (0, "")
    parts = done.stdout.split("\n[DEMONSTRATION ")
    assert parts[0].startswith("DEMONSTRATION: ")
    assert parts[-1].startswith("ends] ")
    steps = list(screens(demo(name)))
    assert len(parts) == len(steps) + 2
    for number, (part, (typed, text)) in enumerate(zip(parts[1:], steps), 1):
        head = f"{number} of {len(steps)}: {name}]\n$ {typed}\n\n"
        assert part == f"{head}{text.rstrip()}\n"
    assert FOUND[name] in parts[1]
    commands = [typed.split()[2] for typed, _ in steps]
    assert commands == [one for one in ("run", "explain", "fix", "boot") if one in commands]


def test_the_full_table_goes_from_the_verdict_to_the_next_boot() -> None:
    run, explain, fix, boot = (text for _, text in screens(demo("full-table")))
    assert re.search(r"shop.*\b279\b", run, re.DOTALL)  # the packets lost in a second
    assert "By hand" in explain
    for text in (explain, fix):
        assert "sysctl -w net.netfilter.nf_conntrack_max=655360" in text
    assert "+net.netfilter.nf_conntrack_max = 655360" in fix
    assert re.search(r"nf_conntrack_max +262,?144 +262,?144", boot)


def test_without_a_name_it_is_the_full_table() -> None:
    assert ec2rl((), "demo").stdout == ec2rl((), "demo", "full-table").stdout


def test_the_list_has_all_and_a_wrong_name_the_nearest() -> None:
    told = ec2rl((), "demo", "--list").stdout.splitlines()
    assert [line.split()[0] for line in told] == ["Name", *FOUND]
    done = ec2rl((), "demo", "volumes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown demonstration 'volumes': did you mean volume?" in done.stderr


@pytest.mark.parametrize("path", sorted(Path("src/ec2rl/demo").glob("*.case")), ids=str)
def test_a_recording_holds_nothing_of_the_machine_that_it_was_made_on(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert os.uname().release not in text
    private = r"10\.(0\.[49]|99)\.|198\.51\.100\.|203\.0\.113\.|10\.0\.0\.2\b|127\.0\.0\.1\b"
    for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text):
        assert re.match(private, address), address


def played(answers: bytes, rows: int) -> str:
    """What a person sees on a terminal of 100 columns who types this, a character a prompt."""
    master, slave = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 100, 0, 0))
    program = subprocess.Popen(
        [sys.executable, "-I", "-S", str(MAIN), "demo", "oom-kill"],
        stdin=slave, stdout=slave, stderr=slave, close_fds=True,
    )  # fmt: skip
    os.close(slave)
    seen, rest = b"", list(answers)
    ready = select.poll()
    ready.register(master, select.POLLIN)
    while ready.poll(30_000):
        try:
            piece = os.read(master, 65536)
        except OSError:  # it has ended
            break
        seen += piece
        if seen.endswith(b"q ends: ") and rest:
            os.write(master, bytes([rest.pop(0)]) + (b"" if seen.endswith(b"\n") else b"\n"))
    os.close(master)
    assert program.wait(timeout=30) == 0
    return seen.decode()


def test_on_a_terminal_each_screen_is_marked_and_q_leaves() -> None:
    seen = played(b"    " + b"q", 24)
    pieces = re.split(r"\[DEMONSTRATION \d of 2: oom-kill\] Enter goes on, q ends: ", seen)
    assert len(pieces) == 6
    for piece in pieces[:-1]:
        assert piece.count("\n") <= 24
        assert "[DEMONSTRATION " in piece
    assert "ends]" not in seen
