"""The kernel's command line as the kernel takes it apart (next_arg() in lib/cmdline.c, 4.4 to 7.2).

Double quotes keep blanks together; those around a whole word, or a whole value, are taken off.
"""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 16 << 10
"""Characters; the kernel keeps 2 to 4 KiB of its command line (COMMAND_LINE_SIZE)."""


@record(frozen=True)
class Argument:
    """One word: `value` is None where there is no equals sign, `text` is what was written."""

    name: str
    value: str | None
    text: str


def arguments(line: str) -> Iterator[Argument]:
    """Yield the words of a command line; what follows `--` is init's own, and comes too."""
    for text in _words(line[:SIZE]):
        word = text
        if word[:1] == '"':
            word = word[1:].removesuffix('"')
        name, equals, value = word.partition("=")
        if value[:1] == '"':
            value = value[1:]
        if text[:1] != '"':
            value = value.removesuffix('"')
        yield Argument(name, value if equals else None, text)


def _words(line: str) -> Iterator[str]:
    word, quoted = "", False
    for sign in line:
        quoted ^= sign == '"'
        if sign in " \t\n\v\f\r" and not quoted:
            if word:
                yield word
            word = ""
        else:
            word += sign
    if word:
        yield word
