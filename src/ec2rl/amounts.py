"""Numbers and lengths of time as people write them, for all commands.

A number may have its thousands apart (`1,000,000`) and k, M or G, which are of a thousand, or Ki,
Mi, Gi, which are of 1,024; a time has units from `ms` to `w`, and several of them (`1h30m`, `2 d 4
h`).  What can be read in two ways is refused with what would be taken.
"""

from __future__ import annotations

from ec2rl.quantities import grouped

_LONGEST = 40
"""Characters of what is read at all."""
_DIGITS = "0123456789"
_COUNTS: dict[str, int] = {
    "": 1,
    "k": 10**3,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "ki": 1 << 10,
    "Ki": 1 << 10,
    "Mi": 1 << 20,
    "Gi": 1 << 30,
}
_TIMES = {
    **dict.fromkeys(("ms",), 1),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1000),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60_000),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600_000),
    **dict.fromkeys(("d", "day", "days"), 86_400_000),
    **dict.fromkeys(("w", "week", "weeks"), 604_800_000),
}
"""Units of time in milliseconds."""
_AS_COUNTS = "write it as 5000, 5,000, 5k, 1.5M or 64Ki"
_AS_TIMES = "write it as 30, 500ms, 90s, 5m, 1h30m or 2d"


class AmountError(ValueError):
    """What was written is no such amount, or may be several; the message says what is taken."""


def count(text: str, least: int, most: int) -> int:
    """Read a whole number from `least` to `most`; AmountError for anything else."""
    wanted = f"not a number from {grouped(least)} to {grouped(most)}"
    said = text.strip()
    number, unit = _split(said)
    digits, places = _decimal(number)
    if digits is None or unit not in _COUNTS or (places and not unit):
        raise AmountError(f"{wanted}; {_hint(said, number, unit)}")
    power: int = 10**places
    value, rest = divmod(digits * _COUNTS[unit], power)
    if rest:
        raise AmountError(f"{wanted}; it is no whole number")
    if not least <= value <= most:
        raise AmountError(wanted)
    return value


def seconds(text: str, least: float, most: float, whole: bool = False) -> float:
    """Read a length of time in seconds, from `least` to `most`; AmountError for anything else.

    A number without a unit is of seconds.  `whole` is for what takes whole seconds alone.
    """
    wanted = f"not a number of seconds from {_plain(least)} to {_plain(most)}"
    milliseconds = _time(text.strip())
    if milliseconds is None:
        raise AmountError(f"{wanted}; {_AS_TIMES}")
    if not least * 1000 <= milliseconds <= most * 1000:
        raise AmountError(wanted)
    if whole and milliseconds % 1000:
        raise AmountError(f"{wanted}; it takes whole seconds alone")
    return milliseconds / 1000


def _time(said: str) -> float | None:
    """Milliseconds; None for what is no time, or may be several."""
    total, last = 0.0, None
    rest = said
    while rest:
        number, after = _split(rest)
        letters = 0
        while letters < len(after) and after[letters].isalpha():
            letters += 1
        unit, rest = after[:letters], after[letters:].lstrip()
        digits, places = _decimal(number)
        # 1M is a million elsewhere, and 1h30 may be of minutes and of seconds.
        size = _TIMES.get("?" if unit == "M" else unit.lower())
        if not unit and last is None and not rest:
            size = 1000
        if digits is None or size is None or (last is not None and size >= last):
            return None
        total += digits * size / 10**places
        last = size
    return None if last is None else total


def _split(text: str) -> tuple[str, str]:
    """What a text begins with of a number, and what follows."""
    if len(text) > _LONGEST:
        return "", text
    at = 0
    while at < len(text) and (text[at] in _DIGITS or text[at] in ".,_ "):
        at += 1
    return text[:at].strip(), text[at:].strip()


def _decimal(number: str) -> tuple[int | None, int]:
    """The digits of a number as one, and how many of them are behind the point; None for none.

    A number that begins with zeros is refused: to the kernel, and to a shell, it is octal.
    """
    whole, point, fraction = number.partition(".")
    whole = whole or "0" * bool(fraction)
    marks = {mark for mark in whole if mark not in _DIGITS}
    if len(marks) > 1:
        return None, 0
    groups = whole.split(marks.pop()) if marks else [whole]
    if len(groups) > 1 and not (
        1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    ):
        return None, 0
    digits = "".join(groups)
    if not digits or (digits[0] == "0" and len(digits) > 1):
        return None, 0
    if any(each not in _DIGITS for each in fraction) or bool(point) != bool(fraction):
        return None, 0
    return int(digits + fraction), len(fraction)


def _hint(said: str, number: str, unit: str) -> str:
    """Say what would be taken in place of what can be read in several ways."""
    if said[:2].lower() == "0x" and said[2:] and set(said[2:].lower()) <= set("0123456789abcdef"):
        return f"write {int(said, 16)} for it" if len(said) < 20 else _AS_COUNTS
    if unit[:1] in ("e", "E") and unit[1:].isascii() and unit[1:].isdigit() and len(unit) < 4:
        return f"write {number}{'0' * int(unit[1:])} for it" if "." not in number else _AS_COUNTS
    if unit in ("m", "g", "mi", "gi"):
        return f"write {number}{unit.capitalize()} for it"
    if number.isascii() and number.isdigit() and not unit and number.lstrip("0"):
        return f"write {number.lstrip('0')} for it, if it is no octal number"
    if unit and unit[-1] in "bB" and unit[:-1] in _COUNTS:
        return f"it is no size in bytes: write {number}{unit[:-1]} for so many"
    return _AS_COUNTS


def _plain(number: float) -> str:
    return grouped(int(number)) if number == int(number) else str(number)
