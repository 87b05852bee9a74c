"""grubenv: the variables that GRUB keeps between boots (util/grub-editenv.c, lib/envblk.c, 2.12).

The file has 1024 bytes: a line that it is known by, lines `name=value`, then `#` to its end.  A
backslash stands before a backslash or a line's end that is part of a value.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE = 1024
BEGINS = "# GRUB Environment Block\n"


def is_refused(text: str) -> bool:
    """Tell whether GRUB takes a file for none of its own (grub_envblk_open()): it loads nothing."""
    return not text.startswith(BEGINS)


def parse(text: str) -> dict[str, str]:
    """Read the variables; those of a file that GRUB refuses as well."""
    found = {}
    for line in _lines(text):
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name] = _plain(value)
    return found


def with_values(text: str, values: Mapping[str, str]) -> str | None:
    """Give the file with other values, all else as it is; None where they do not fit."""
    left = dict(values)
    lines = []
    for line in _lines(text):
        name, equals, _ = line.partition("=")
        if equals and not line.startswith("#") and name in values:
            if name in left:
                lines.append(f"{name}={_escaped(left.pop(name))}")
        elif line.strip("#"):
            lines.append(line)
    lines += [f"{name}={_escaped(value)}" for name, value in left.items()]
    made = "".join(f"{line}\n" for line in lines)
    room = SIZE - len(made.encode())
    return made + "#" * room if room >= 0 else None


def _lines(text: str) -> list[str]:
    """Lines, those in one of which the first ends in a backslash."""
    found: list[str] = []
    is_open = False
    for line in text.split("\n"):
        if is_open:
            found[-1] += "\n" + line
        else:
            found.append(line)
        tail = len(line) - len(line.rstrip("\\"))
        is_open = bool(tail % 2)
    return found


def _plain(value: str) -> str:
    text, is_escaped = "", False
    for sign in value:
        if sign == "\\" and not is_escaped:
            is_escaped = True
        else:
            text, is_escaped = text + sign, False
    return text


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\\n")
