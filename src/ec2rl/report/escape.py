"""The gate between what was read and a person's terminal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

# C0 but for tab and newline, DEL, C1, the marks that turn the direction of text, the separators
# that some programs take for a new line, and halves of surrogate pairs.
_UNSAFE = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-")
"""What no shell takes for more than a letter (shlex.quote: python3-minimal has no shlex)."""


TIED = "\u00a0"
"""A blank that no line ends at, as those in a command that a person copies."""


def tied(command: str) -> str:
    """Give a command that stays on one line wherever its sentence is filled into lines."""
    return command.replace(" ", TIED)


def untied(text: str) -> str:
    """Give text as a program reads it: a blank is a blank."""
    return text.replace(TIED, " ")


def printable(text: str) -> str:
    """Escape what could move a cursor, hide or reorder text: `\\x1b`, `\\u202e`."""
    plain = untied(text)
    if plain.isascii() and plain.isprintable():
        return text
    import re

    return re.sub(_UNSAFE, _escape, text)


def one_line(text: str) -> str:
    """Give the same for text that must stay on its line."""
    return printable(text).replace("\n", "\\n").replace("\t", " ")


def typed(text: str) -> str:
    """Quote a word of a command that a person may copy into a shell, which reads it as it is.

    What could not be shown stands as its bytes in bash's quotes, `$'...'`.
    """
    if one_line(text) == text:
        bare = text and _BARE.issuperset(text)
        return text if bare else "'" + text.replace("'", "'\"'\"'") + "'"
    return f"$'{''.join(map(_in_quotes, text))}'"


def _in_quotes(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if one_line(letter) == letter:
        return letter
    # A byte that is no UTF-8 is half of a surrogate pair in a name (PEP 383).
    return "".join(
        f"\\x{byte:02x}"
        for byte in letter.encode(
            "utf-8", "surrogateescape" if "\udc80" <= letter <= "\udcff" else "surrogatepass"
        )
    )


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
