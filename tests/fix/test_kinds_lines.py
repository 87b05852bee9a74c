"""Lines of a file: the rest stays byte for byte, and so does what others edit later."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.facts.change import Hunk, Image, LinesItem
from ec2rl.fix.change import State
from ec2rl.fix.errors import Conflict, FixError, Refused
from ec2rl.fix.kinds.lines import _reverted, _undone
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, history, undo
from ec2rl.remedies import EditLines, Lines
from fix.kinds_machine import FSTAB, FSTAB_TEXT, build
from support.examples import examples

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

NOFAIL = Lines(3, ("/dev/xvdf /data ext4 defaults 0 2",), ("/dev/xvdf /data ext4 nofail 0 2",))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return build(str(tmp_path))


def written(machine: Machine, data: bytes) -> None:
    with open(machine.root + FSTAB, "wb") as file:
        file.write(data)


def read(machine: Machine) -> bytes:
    with open(machine.root + FSTAB, "rb") as file:
        return file.read()


def edited(machine: Machine, *edits: Lines) -> bytes:
    apply((EditLines(FSTAB, edits),), machine=machine, why="a test")
    return read(machine)


def test_one_line_is_replaced_and_put_back(machine: Machine) -> None:
    assert edited(machine, NOFAIL) == FSTAB_TEXT.replace("ext4 defaults", "ext4 nofail").encode()
    undo(1, machine=machine)
    assert read(machine) == FSTAB_TEXT.encode()


@pytest.mark.parametrize(
    ("data", "edit", "after"),
    [
        (b"a\nb\n", Lines(3, (), ("c",)), b"a\nb\nc\n"),
        (b"a\nb", Lines(3, (), ("c",)), b"a\nb\nc"),
        (b"a\nb", Lines(2, ("b",), ()), b"a"),
        (b"a\nb\n", Lines(1, ("a", "b"), ()), b""),
        (b"a\r\nb\r\n", Lines(2, ("b",), ("c", "d")), b"a\r\nc\r\nd\r\n"),
        (b"a\r\n", Lines(2, (), ("b",)), b"a\r\nb\r\n"),
        (b"", Lines(1, (), ("a",)), b"a\n"),
        (b"\xff\xfe\na\n", Lines(2, ("a",), ("b",)), b"\xff\xfe\nb\n"),
        (b"\xff=1\n", Lines(1, ("\\xff=1",), ("x=1",)), b"x=1\n"),
        (b"a" * 100_000 + b"\nb\n", Lines(2, ("b",), ("c",)), b"a" * 100_000 + b"\nc\n"),
    ],
)
def test_ends_and_bytes_stay_as_they_are(
    machine: Machine, data: bytes, edit: Lines, after: bytes
) -> None:
    written(machine, data)
    assert edited(machine, edit) == after
    undo(1, machine=machine)
    assert read(machine) == data


def test_mode_owner_and_labels_stay(machine: Machine) -> None:
    path = machine.root + FSTAB
    os.chmod(path, 0o640)
    os.setxattr(path, "user.label", b"\xff")
    edited(machine, NOFAIL)
    undo(1, machine=machine)
    edited(machine, NOFAIL)
    assert os.stat(path).st_mode & 0o7777 == 0o640
    assert os.getxattr(path, "user.label") == b"\xff"


@pytest.mark.parametrize(
    ("theirs", "back"),
    [
        ("# new\n" + FSTAB_TEXT, "# new\n" + FSTAB_TEXT),
        (FSTAB_TEXT + "tmpfs /t tmpfs\n", FSTAB_TEXT + "tmpfs /t tmpfs\n"),
        ("# x\n" + FSTAB_TEXT + "# y\n", "# x\n" + FSTAB_TEXT + "# y\n"),
        (FSTAB_TEXT.replace("UUID=1", "UUID=2"), FSTAB_TEXT.replace("UUID=1", "UUID=2")),
    ],
)
def test_an_undo_leaves_what_others_have_edited_elsewhere(
    machine: Machine, theirs: str, back: str
) -> None:
    edited(machine, NOFAIL)
    written(machine, theirs.replace("ext4 defaults", "ext4 nofail").encode())
    undo(1, machine=machine)
    assert read(machine) == back.encode()
    assert history(machine=machine)[-1].state is State.UNDONE


@pytest.mark.parametrize(
    "theirs",
    [
        FSTAB_TEXT.replace("ext4 defaults", "ext4 noauto"),
        "# all new\n",
        "# x\n" + FSTAB_TEXT.replace("ext4 defaults", "ext4 nofail") * 2 + "# y\n",
    ],
)
def test_an_undo_refuses_where_our_lines_are_not_to_be_told(machine: Machine, theirs: str) -> None:
    edited(machine, NOFAIL)
    written(machine, theirs.encode())
    with pytest.raises(Conflict, match=r"^somebody else has changed since: /etc/fstab$"):
        undo(1, machine=machine)
    assert read(machine) == theirs.encode()


@pytest.mark.parametrize(
    ("edits", "why"),
    [
        ([Lines(3, ("other",), ("x",))], "line 3 of /etc/fstab is not as it was when the change"),
        ([Lines(9, (), ("x",))], "line 9 of /etc/fstab is not as it was when the change"),
        ([NOFAIL, Lines(3, ("x",), ())], "its edits overlap"),
        ([Lines(1, (), ())], "its edits overlap, or are none"),
        ([Lines(0, (), ("x",))], "its edits overlap, or are none"),
        ([Lines(1, (), ("a\nb",))], "holds a newline or a NUL"),
        ([Lines(1, (), ("\udcff",))], "is no UTF-8"),
        ([], "everything is already as you asked"),
    ],
)
def test_what_is_not_as_it_was_seen_is_refused(
    machine: Machine, edits: list[Lines], why: str
) -> None:
    with pytest.raises(FixError, match=why) as caught:
        edited(machine, *edits)
    assert caught.type in (Conflict, Refused)
    assert read(machine) == FSTAB_TEXT.encode()


def test_a_later_change_of_other_lines_is_to_be_taken_back_first(machine: Machine) -> None:
    edited(machine, NOFAIL)
    edited(machine, Lines(1, ("# mounts",), ("# Mounts",)))
    with pytest.raises(Refused, match="later changes were made on top of change 1: first undo 2"):
        undo(1, machine=machine)
    undo(2, machine=machine)
    undo(1, machine=machine)
    assert read(machine) == FSTAB_TEXT.encode()


ABOVE, BELOW = ("[a]", "enabled=1", "x"), ("[b]", "enabled={}", "y", "z", "")
BY_HAND = "\n".join((*ABOVE, *BELOW))


@pytest.mark.parametrize(
    ("edit", "before", "theirs"),
    [
        (Lines(2, ("enabled=1",), ("enabled=0",)), BY_HAND, BY_HAND),
        (Lines(2, ("enabled=1",), ("enabled=0",)), BY_HAND, BY_HAND.replace("[a]", "[c]")),
        (Lines(2, (), ("enabled=0",)), BY_HAND.replace("enabled=1\n", ""), None),
        (Lines(2, ("enabled=1",), ()), BY_HAND, BY_HAND),
        (Lines(1, ("[a]",), ()), BY_HAND, BY_HAND),
    ],
)
def test_lines_that_another_took_back_are_not_found_elsewhere(
    machine: Machine, edit: Lines, before: str, theirs: str | None
) -> None:
    """The same text stands once elsewhere, which is not ours; and another line was edited."""
    written(machine, before.format(0).encode())
    edited(machine, edit)
    now = (theirs or before).format(0).replace("z", "ZZ").encode()
    written(machine, now)
    with pytest.raises(Conflict):
        undo(1, machine=machine)
    assert read(machine) == now


def test_ours_are_told_by_the_lines_around_them(machine: Machine) -> None:
    written(machine, BY_HAND.format(0).encode())
    edited(machine, Lines(2, ("enabled=1",), ("enabled=0",)))
    now = "# theirs\n" + BY_HAND.format(0).replace("z", "ZZ")
    written(machine, now.replace("enabled=1", "enabled=0").encode())
    undo(1, machine=machine)
    assert read(machine) == now.encode()


def test_the_largest_record_is_looked_for_in_little_time() -> None:
    lines = [b"%x" % n for n in range(49_000)]
    hunks = tuple(Hunk(48 * n, (), (lines[48 * n],)) for n in range(1, 1001))
    ours = {hunk.at for hunk in hunks}
    after = b"\n".join(lines)
    before = b"\n".join(line for n, line in enumerate(lines) if n not in ours)
    images = [Image(data, 0o644, 0, 0, ()) for data in (before, after)]
    item = LinesItem(FSTAB, images[0], images[1], hunks)
    began = time.process_time()
    now = b"# theirs\n" + after + b"\n# theirs"
    found = _reverted(item, now)
    assert found is not None
    assert b"\n".join(_undone(now.split(b"\n"), found)) == b"# theirs\n" + before + b"\n# theirs"
    assert time.process_time() - began < 2


LINES = st.lists(st.sampled_from((b"a", b"b", b"c", b"")), max_size=6)


@examples(300)
@given(head=LINES, old=LINES, new=LINES, tail=LINES, above=LINES, below=LINES)
def test_whatever_is_added_around_ours_comes_back_or_nothing_does(
    head: list[bytes],
    old: list[bytes],
    new: list[bytes],
    tail: list[bytes],
    above: list[bytes],
    below: list[bytes],
) -> None:
    """What is put back is the file as it would be, had the edits of others been made before."""

    def image(lines: list[bytes]) -> Image:
        return Image(b"\n".join(lines), 0o644, 0, 0, ())

    before, after = [*head, *old, *tail, b"z"], [*head, *new, *tail, b"z"]
    hunk = Hunk(len(head), tuple(old), tuple(new))
    item = LinesItem(FSTAB, image(before), image(after), (hunk,))
    for extra_head, extra_tail in ((above, []), ([], below)):
        now = [*extra_head, *after, *extra_tail]
        found = _reverted(item, b"\n".join(now))
        if found is not None:
            back = _undone(now, found)
            assert len(back) == len(before) + len(extra_head) + len(extra_tail)
            assert sorted(back) == sorted([*extra_head, *before, *extra_tail])
