"""How sshd parts the line of a configuration into words (misc.c)."""

from __future__ import annotations

_MARKS = ("'", '"', "\\")


def split(text: str) -> list[str] | None:
    """Part the values of a line as argv_split() does; None for bad quotes.

    A `#` where a word begins ends it.
    """
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "#":
            break
        if text[at] in " \t":
            at += 1
            continue
        found = _word(text, at)
        if found is None:
            return None
        word, at = found
        words.append(word)
    return words


def _word(text: str, at: int) -> tuple[str, int] | None:
    """Read a word, and where it ends; None where a quote does not."""
    word, quote = "", ""
    while at < len(text):
        sign, after = text[at], text[at + 1 : at + 2]
        if sign == "\\" and (after in _MARKS or (after == " " and not quote)):
            word += after
            at += 1
        elif sign == quote:
            quote = ""
        elif quote:
            word += sign
        elif sign in " \t":
            break
        elif sign in "'\"":
            quote = sign
        else:
            word += sign
        at += 1
    return None if quote else (word, at)
