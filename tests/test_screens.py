"""What a person sees on terminals of 40, 80 and 120 columns, on a dumb one, in C, and in a pipe.

The screens stand in tests/screens.  `python tests/test_screens.py` writes them anew: read the
difference, it is what users will see.
"""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCREENS = Path(__file__).parent / "screens"
DEMO = "src/ec2rl/demo"
COMMANDS = (
    f"./ec2rl run --no-save --replay={DEMO}/full-table.case --only-modules=conntrackfull",
    f"./ec2rl explain conntrackfull --replay={DEMO}/full-table.case",
    "./ec2rl run --no-save --log=bakery.log --only-modules=oomkiller,kernelbug",
    "./ec2rl demo full-table </dev/null",
    *(
        f"./ec2rl conntrack {words} --netns=all --replay={DEMO}/full-table.case"
        for words in ("namespaces", "top", "whatif", "size", "list --limit=2")
    ),
    "./ec2rl list --only-modules=conntrackfull,neighbourfull",
    "./ec2rl help conntrack size",
    "./ec2rl help",
)
KINDS = {
    "40": (40, {"TERM": "xterm"}),
    "80": (80, {"TERM": "xterm"}),
    "120": (120, {"TERM": "xterm"}),
    "dumb": (80, {"TERM": "dumb"}),
    "c": (80, {"TERM": "xterm", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}),
    "pipe": (None, {"TERM": "xterm"}),
}
_PAGE = 24
"""Lines of a page that are held."""


def shown(words: str, columns: int | None, environment: dict[str, str], folder: Path) -> str:
    """What stands on the screen, escapes as `\\e`; without a width it is a pipe."""
    made = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    made.update(TZ="UTC", SUDO_UID="1000")
    made.update(environment)
    command = ["sh", "-c", f"exec {words}"]
    if columns is None:
        done = subprocess.run(
            command, cwd=folder, env=made, capture_output=True, check=False, timeout=120
        )
        return done.stdout.decode()
    master, slave = pty.openpty()
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        command, cwd=folder, env=made, stdin=slave, stdout=slave, stderr=slave, close_fds=True
    ) as program:
        os.close(slave)
        seen = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # it has ended
                break
            seen += piece
        os.close(master)
        program.wait(timeout=60)
    return seen.decode().replace("\r\n", "\n").replace("\x1b", "\\e")


def folder_of(place: Path) -> Path:
    """A folder with the program by its name, and with what is read in it."""
    (place / "src/ec2rl").mkdir(parents=True)
    (place / DEMO).symlink_to(ROOT / DEMO)
    (place / "ec2rl").symlink_to(ROOT / "ec2rl")
    (place / "bakery.log").write_bytes((SCREENS / "bakery.log").read_bytes())
    os.utime(place / "bakery.log", (1_790_000_000, 1_790_000_000))
    return place


def told(kind: str, folder: Path) -> str:
    """All screens of one kind of terminal, each below its command."""
    columns, environment = KINDS[kind]
    parts = []
    for words in COMMANDS:
        text = shown(words, columns, environment, folder)
        text = re.sub(r"(Seconds: +)[\d.]+", r"\1 0.00", text)
        lines = text.split("\n")
        if " explain " in words:
            here = next(n for n, line in enumerate(lines) if "Evidence" in line)
            lines = [*lines[:_PAGE], "...", *lines[here:]]
        elif " demo " in words:  # the plan, and the next boot
            here = next(n for n, line in enumerate(lines) if "DEMONSTRATION 3" in line)
            lines = ["...", *lines[here:]]
        parts.append(f"$ {words}\n" + "\n".join(lines))
    return "\n".join(parts)


@pytest.mark.more
@pytest.mark.parametrize("kind", KINDS)
def test_each_screen_is_as_it_was_read(kind: str, tmp_path: Path) -> None:
    expected = (SCREENS / f"{kind}.txt").read_text(encoding="utf-8")
    assert told(kind, folder_of(tmp_path)) == expected, "python tests/test_screens.py writes it"


def lines_of(kind: str) -> Iterator[str]:
    text = (SCREENS / f"{kind}.txt").read_text(encoding="utf-8")
    for line in text.split("\n"):
        if not line.startswith("$ "):
            yield re.sub(r"\\e\[[\d;]*m", "", line)


@pytest.mark.parametrize("kind", ["40", "80", "120"])
def test_only_what_must_be_whole_is_wider_than_the_terminal(kind: str) -> None:
    wide = [line for line in lines_of(kind) if len(line) > int(kind)]
    whole = r"ec2rl \w|--|`|/|^    sysctl |^    [+-]net|^ipv4 |^ec2rl: |nf_conntrack_buckets="
    assert [line for line in wide if not re.search(whole, line)] == []


def test_a_dumb_terminal_gets_no_escapes_and_a_pipe_neither() -> None:
    for kind in ("dumb", "pipe"):
        text = (SCREENS / f"{kind}.txt").read_text(encoding="utf-8")
        assert "\\e" not in text
        assert "\x1b" not in text
        assert "\r" not in text
    plain = [re.sub(r"\\e\[[\d;]*m", "", line) for line in lines_of("80")]
    assert list(lines_of("dumb")) == plain


def test_in_c_the_program_speaks_utf_8_as_python_does() -> None:
    """PEP 540: where the locale is C, nobody has said what a terminal can show."""
    assert list(lines_of("c")) == list(lines_of("80"))
    assert "bäcker (25430)" in "\n".join(lines_of("c"))


if __name__ == "__main__":
    import tempfile

    for one in KINDS:
        with tempfile.TemporaryDirectory() as made:
            (SCREENS / f"{one}.txt").write_text(told(one, folder_of(Path(made))), encoding="utf-8")
    sys.exit(0)
