"""A question stands on what was shown, and an answer is one that came after it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

from fix.records import FILE, file_item
from test_volume import EC2RL, FIRST, FIX, lay
from test_volume_journal import write

pytestmark = pytest.mark.root

QUESTION = b"Do this? [y/N] "


class Asked:
    """A command with a terminal as its standard input, and streams of our choice."""

    def __init__(self, words: tuple[str, ...], out: int, err: int, typed: bytes = b"") -> None:
        self.master, slave = pty.openpty()
        os.write(self.master, typed)
        self.child = subprocess.Popen(
            [str(EC2RL), *words], stdin=slave, stdout=out, stderr=err, start_new_session=True
        )
        os.close(slave)

    def ends(self) -> int:
        """Wait for its end as somebody does who has nothing more to say."""
        try:
            return self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.send_signal(signal.SIGTERM)
            return self.child.wait(20)
        finally:
            if self.master >= 0:
                os.close(self.master)


def until(fd: int, words: bytes) -> bytes:
    """Read until these words are there."""
    seen = b""
    while words not in seen:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(20_000), seen
        more = os.read(fd, 65536)
        assert more, seen
        seen += more
    return seen


def rest(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A volume, with a change on it that could be taken back."""
    root = lay(tmp_path / "volume")
    (root / FILE.lstrip("/")).write_text("# ours\n")
    write(root, 1, [file_item(FILE, "# theirs\n", "# ours\n")])
    return root


def untouched(root: Path) -> bool:
    return not (root / FIRST).exists() and (root / FILE.lstrip("/")).read_text() == "# ours\n"


def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def left() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.fixture(params=[FIX[:-1], ("undo",)], ids=lambda words: words[0])
def words(request: pytest.FixtureRequest, root: Path) -> tuple[str, ...]:
    return (*request.param, f"--root={root}")


@pytest.mark.parametrize("stdout", [full, left])
def test_a_plan_that_could_not_be_shown_is_not_agreed_to(
    root: Path, words: tuple[str, ...], stdout: Callable[[], int]
) -> None:
    out, (reader, writer) = stdout(), os.pipe()
    asked = Asked(words, out, writer, b"")
    os.close(writer)
    os.close(out)
    os.write(asked.master, b"y\n")
    status, said = asked.ends(), rest(reader)
    assert (status, untouched(root)) == (1, True), said
    assert b"nothing was changed: its plan could not be shown" in said
    assert QUESTION not in said


ASKING = """
import os, sys
sys.path.insert(0, sys.argv[1])
from ec2rl.subcommand import agreed
from ec2rl.terminal import Terminal
terminal = Terminal({})
terminal.out("the plan")
os.read(int(sys.argv[2]), 1)
sys.exit(agreed(terminal))
"""


def test_nor_one_that_stayed_in_the_pipe() -> None:
    """As of `ec2rl fix ... | head -1`: the pipe has room for the plan, and its reader leaves."""
    (out, plan), (err, said), (wait, go) = os.pipe(), os.pipe(), os.pipe()
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", ASKING, str(EC2RL.parent / "src"), str(wait)],
        stdin=slave, stdout=plan, stderr=said, pass_fds=[wait],
    )  # fmt: skip
    for fd in (plan, said, slave):
        os.close(fd)
    until(out, b"the plan")
    os.close(out)
    os.write(go, b"1")
    assert child.wait(20) == 0
    assert rest(err) == b"ec2rl: nothing was changed: its plan could not be shown\n"
    for fd in (master, wait, go):
        os.close(fd)


def test_what_was_typed_before_is_no_answer(root: Path, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    asked = Asked(words, writer, writer, b"y\ny")
    os.close(writer)
    until(reader, QUESTION)
    os.write(asked.master, b"\n")
    status, said = asked.ends(), rest(reader)
    assert (status, untouched(root)) == (1, True), said
    assert b"nothing was changed" in said


@pytest.mark.parametrize("typed", [b"y\n", b"Yes\n"])
def test_what_is_typed_then_is_one(root: Path, words: tuple[str, ...], typed: bytes) -> None:
    reader, writer = os.pipe()
    asked = Asked(words, writer, writer)
    os.close(writer)
    until(reader, QUESTION)
    os.write(asked.master, typed)
    assert (asked.ends(), untouched(root)) == (0, False), rest(reader)


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"\x04", b"\xff\xfe\n", b"yy\n"])
@pytest.mark.more
def test_anything_else_is_no(root: Path, words: tuple[str, ...], typed: bytes) -> None:
    reader, writer = os.pipe()
    asked = Asked(words, writer, writer)
    os.close(writer)
    until(reader, QUESTION)
    os.write(asked.master, typed)
    status, said = asked.ends(), rest(reader)
    assert (status, untouched(root)) == (1, True), said
    assert said.endswith(b"nothing was changed\n")


def test_a_terminal_that_hangs_up_at_the_question(root: Path, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    asked = Asked(words, writer, writer)
    os.close(writer)
    until(reader, QUESTION)
    os.close(asked.master)
    asked.master = -1
    status, said = asked.ends(), rest(reader)
    assert (status, untouched(root)) == (1, True), said
    assert b"fault of ec2rl" not in said


def test_nobody_hears_the_question(root: Path, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    err = left()
    asked = Asked(words, writer, err, b"")
    os.close(writer)
    os.close(err)
    os.write(asked.master, b"y\n")
    assert (asked.ends(), untouched(root)) == (1, True), rest(reader)


def ask(words: tuple[str, ...]) -> tuple[Asked, int, bytes]:
    """A command up to its question; with what it has said."""
    reader, writer = os.pipe()
    asked = Asked(words, writer, writer)
    os.close(writer)
    return asked, reader, until(reader, QUESTION)


EVIL = [file_item(FILE, "EVIL\n", "# ours\n")]


def put(root: Path, number: int, items: list[dict[str, object]], state: str = "applied") -> None:
    write(root, number, items, state=state)


def swap_by_rename(root: Path) -> None:
    shutil.copytree(root, root.parent / "other")
    put(root.parent / "other", 1, EVIL)
    root.rename(root.parent / "away")
    (root.parent / "other").rename(root)


def swap_by_link(root: Path) -> None:
    """On the way to it."""
    shutil.copytree(root, root.parent.parent / "other/root")
    put(root.parent.parent / "other/root", 1, EVIL)
    root.parent.rename(root.parent.parent / "away")
    root.parent.symlink_to(root.parent.parent / "other")


MEANWHILE: dict[str, Callable[[Path], object]] = {
    "an interrupted change appears": lambda root: put(root, 2, EVIL, "undoing"),
    "the change becomes interrupted": lambda root: put(root, 1, EVIL, "undoing"),
    "another folder by rename": swap_by_rename,
    "another folder by a link": swap_by_link,
}


@pytest.mark.parametrize("meanwhile", MEANWHILE.values(), ids=MEANWHILE.keys())
@pytest.mark.more
def test_what_changed_after_it_was_shown_is_not_acted_on(
    root: Path, words: tuple[str, ...], meanwhile: Callable[[Path], object]
) -> None:
    asked, reader, _ = ask(words)
    meanwhile(root)
    os.write(asked.master, b"y\n")
    status, said = asked.ends(), rest(reader)
    assert (status, untouched(root)) == (1, True), said
    assert b"look again" in said
    assert list(root.parent.parent.rglob(Path(FIRST).name)) == []


def test_nor_a_record_of_a_change_that_stands(root: Path) -> None:
    asked, reader, _ = ask(("undo", "1", f"--root={root}"))
    put(root, 1, EVIL)
    os.write(asked.master, b"y\n")
    status, said = asked.ends(), rest(reader)
    assert (status, untouched(root)) == (1, True), said
    assert b"look again" in said


@pytest.mark.parametrize("answer", [b"n\n", b"y\n"])
def test_what_is_there_once_some_was_settled_is_shown_and_asked_anew(
    root: Path, answer: bytes
) -> None:
    """Change 2 was interrupted when all of it was done: it stays, and is then to go."""
    put(root, 2, [file_item(FILE, "# ours\n", "# ours\nmore\n")], "applying")
    (root / FILE.lstrip("/")).write_text("# ours\nmore\n")
    asked, reader, shown = ask(("undo", "2", f"--root={root}"))
    assert b"Change 2 (fix conntrackfull) was interrupted" in shown
    os.write(asked.master, b"y\n")
    again = until(reader, QUESTION)
    assert b"change 2 had been interrupted; it is applied now" in again
    assert b"Would take back change 2, as its record claims" in again
    os.write(asked.master, answer)
    status, said = asked.ends(), rest(reader)
    text = (root / FILE.lstrip("/")).read_text()
    expected = (0, "# ours\n") if answer == b"y\n" else (1, "# ours\nmore\n")
    assert (status, text) == expected, said
