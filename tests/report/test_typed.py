"""A path in a command that is to be copied is read by the shell as that path, and harms nobody."""

from __future__ import annotations

import os
import subprocess

import pytest

from ec2rl.report.escape import one_line, typed

ODD = [
    "/mnt",
    "/mnt/a b",
    "/mnt/odd\x1b[31mx;$(touch pwn)",
    "/mnt/it's\\n$'x'",
    "/mnt/\n\t'\\ `id`",
    "/mnt/\u202eé\u2028",
    "/mnt/r\udcff\x1b[31m",
    "/mnt/\udce9b'\\",
    "/mnt/\x85\ufeff1",
    "",
]


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
@pytest.mark.parametrize("text", ODD)
def test_the_shell_reads_it_back(text: str, locale: str) -> None:
    words = typed(text)
    assert one_line(words) == words
    script = f"printf %s {words}"
    done = subprocess.run(
        ["bash", "-c", os.fsencode(script)], capture_output=True, check=True, env={"LC_ALL": locale}
    )
    assert done.stdout == text.encode("utf-8", "surrogateescape")
    assert done.stderr == b""


def test_what_needs_no_quotes_has_none() -> None:
    assert typed("/mnt/root-1") == "/mnt/root-1"
