"""Patterns as glob(7) reads them, in time that no pattern can blow up.

`fnmatch` raises for some patterns before Python 3.11, and knows no `[^...]`.
"""

from __future__ import annotations

from functools import lru_cache


def matches(pattern: str, path: str) -> bool:
    """Tell whether a pattern meets a whole path; no `*`, `?` or `[...]` meets a slash."""
    wanted, parts = pattern.split("/"), path.split("/")
    return len(wanted) == len(parts) and all(map(_component, wanted, parts))


def _component(pattern: str, name: str) -> bool:
    """Match one name, going back to the last star only: what an earlier one took is enough."""
    tokens = _tokens(pattern)
    at = token = 0
    star, resume = -1, 0
    while at < len(name):
        if token < len(tokens) and tokens[token] is None:
            star, resume = token, at
            token += 1
        elif token < len(tokens) and _meets(tokens[token], name[at]):
            at += 1
            token += 1
        elif star >= 0:
            resume += 1
            token, at = star + 1, resume
        else:
            return False
    return all(left is None for left in tokens[token:])


@lru_cache(maxsize=64)
def _tokens(pattern: str) -> list[tuple[bool, str] | None]:
    """A pattern as sets of characters: (True, set) for all but these, None for a star."""
    tokens: list[tuple[bool, str] | None] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        # The first character of a set may be `]`; without an end it is no set.
        negated = sign == "[" and pattern[at : at + 1] in ("!", "^")
        end = pattern.find("]", at + negated + 1) if sign == "[" else -1
        if sign == "*":
            tokens.append(None)
        elif sign == "?":
            tokens.append((True, ""))
        elif end > 0:
            tokens.append((negated, _characters(pattern[at + negated : end])))
            at = end + 1
        else:
            if sign == "\\" and at < len(pattern):
                sign = pattern[at]
                at += 1
            tokens.append((False, sign))
    return tokens


def _characters(inside: str) -> str:
    """The characters of a set that a kernel's name can hold; ranges run over ASCII."""
    found = ""
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            low, high = ord(inside[at]), ord(inside[at + 2])
            found += "".join(map(chr, range(low, min(high, 127) + 1)))
            at += 3
        else:
            found += inside[at]
            at += 1
    return found


def _meets(token: tuple[bool, str] | None, sign: str) -> bool:
    return token is not None and (sign in token[1]) is not token[0]
