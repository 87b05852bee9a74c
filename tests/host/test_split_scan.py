"""One large file in two halves gives what one pass over it gives."""

from __future__ import annotations

import tempfile

from hypothesis import given
from hypothesis import strategies as st

from ec2rl.host import Phrase
from ec2rl.host.packed import Packed
from ec2rl.host.scan import Scan
from ec2rl.host.split_scan import middle, scan_halves

LINES = st.lists(
    st.sampled_from([b"", b"x" * 40, b"conntrack: full", b"another NEEDLE\r", b"z"]), max_size=80
)


@given(LINES, st.booleans(), st.integers(0, 3), st.integers(0, 3))
def test_two_halves_are_the_whole(lines: list[bytes], ends: bool, after: int, behind: int) -> None:
    text = b"\n".join([b"the first line", *lines]) + b"\n" * ends
    phrases = (Phrase(b"conntrack: ", after=after), Phrase(b"NEEDLE", after=behind))
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.flush()
        whole = Scan(phrases, 1 << 20)
        assert whole.run(Packed(file.fileno()), 1 << 62, float("inf")) == ""
        cut = middle(file.fileno(), len(text))
        if cut is None:
            assert b"\n" not in text[len(text) // 2 - 1 :]
            return
        reader = Packed(file.fileno())
        halves, gap = scan_halves(file.fileno(), cut, phrases, 1 << 20, reader.part, float("inf"))
        found = halves.lines()
    assert gap == ""
    assert (halves.hits, halves.unpacked) == (whole.hits, whole.unpacked)
    assert found == whole.lines()


def test_a_file_that_shrinks_under_the_first_half_says_nothing_false() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"conntrack: a line\n" * 1000)
        file.flush()
        cut = middle(file.fileno(), 18000)
        assert cut is not None
        file.truncate(180)
        reader = Packed(file.fileno())
        phrases = (Phrase(b"conntrack: "),)
        halves, _ = scan_halves(file.fileno(), cut, phrases, 1 << 20, reader.part, float("inf"))
    assert (halves.hits, halves.unpacked) == (10, 180)
