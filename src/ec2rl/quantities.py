"""Numbers as people read them: thousands apart, bytes and lengths of time in their own units."""

from __future__ import annotations


def percent(share: float) -> str:
    """Give a share in per cent: never 0 % of something, never 100 % of less than all."""
    if 0 < share < 0.01:
        return "below 1%"
    return f"{100 * (min(share, 0.99) if 0.99 < share < 1 else share):,.0f}%"


def pace(number: float) -> str:
    """Give a number of things each second: never 0 of something, never in powers of ten."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def grouped(number: float) -> str:
    """Give a number with its thousands apart: `262,144`."""
    return f"{number:,}"


def value_words(value: float | str) -> str:
    """Give a setting's value, which is one number or anything."""
    word = str(value)
    return grouped(int(word)) if word.isascii() and word.isdecimal() and len(word) < 20 else word


def size(octets: float) -> str:
    """Give bytes in the largest unit of which there is one: `800 bytes`, `214 MiB`, `1.5 GiB`."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if octets >= unit:
            number = octets / unit
            shown = f"{number:,.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")
            return f"{shown} {name}"
    return plural(round(octets), "byte")


def span(seconds: float) -> str:
    """Give a length of time in its two largest units: `45 s`, `12 min`, `1 h 47 min`, `2 d 4 h`."""
    whole = round(seconds)
    for large, name, small, less in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= large:
            many, rest = divmod(whole // small, large // small)
            return f"{many:,} {name}" + (f" {rest} {less}" if rest else "")
    return f"{whole} s"


def plural(number: float, noun: str) -> str:
    """Give a number of things: `1 packet`, `2 packets`; `entry/entries` has its own plural."""
    one, _, more = noun.partition("/")
    return f"{number} {one}" if number == 1 else f"{grouped(number)} {more or one + 's'}"
