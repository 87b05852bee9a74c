"""What the kernel makes of a text written to a key of which only today's value is known."""

from __future__ import annotations

from ec2rl.facts.sysctl_conf import kernel_int
from ec2rl.next_boot.setting import Reading

_TEXTS = (
    "core_pattern",
    "domainname",
    "flow_limit_cpu_bitmap",
    "hostname",
    "ip_local_reserved_ports",
    "modprobe",
    "rps_default_mask",
    "watchdog_cpumask",
)
"""Keys that take other texts than numbers, and may hold one that looks like a number today."""

_BLANKS = " \t\n\v\f\r"


def plain(text: str) -> str:
    """Give a value as it is compared and shown: tabs and rows of blanks made one blank."""
    return " ".join(text.split())


def read_text(key: str, text: str, now: str | None) -> Reading:
    """Tell what becomes of a key when `text` is written; numbers where it holds numbers `now`.

    Which numbers the kernel takes for a key is not known here.
    """
    shape = (now or "").split()
    named = key.replace("/", ".").rpartition(".")[2]
    if shape and named not in _TEXTS and all(map(_is_number, shape)):
        return _numbers(text, len(shape))
    words = text.split()
    number = kernel_int(words[0]) if words else None
    rest = [word for word in words[1:] if kernel_int(word) is None]
    odd = number is not None and (str(number) != words[0] or rest)
    note = f"where the key is a number, the kernel reads {number}" if odd else ""
    return Reading(plain(text), note=note)


def _is_number(word: str) -> bool:
    return str(kernel_int(word)) == word


def _numbers(text: str, count: int) -> Reading:
    """Read numbers as proc_dointvec() does: as many as the key has; the rest is not looked at."""
    found: list[int] = []
    rest = text.lstrip(_BLANKS)
    while rest and len(found) < count:
        value = kernel_int(rest)
        if value is None:
            break
        found.append(value)
        end = min((at for at in map(rest.find, " \t\n") if at >= 0), default=len(rest))
        rest = rest[end:].lstrip(_BLANKS)
    if not found:
        return Reading(None, True, "the kernel takes no number from it (EINVAL)")
    if len(found) < count:
        what = f"it gives {len(found)} of the {count} numbers: the others stay as they are"
        return Reading(None, note=what)
    value_of_all = " ".join(map(str, found))
    return Reading(
        value_of_all, note="" if value_of_all == plain(text) else f"read as {value_of_all}"
    )
