"""/etc/services: the ports that services are known by (services(5))."""

from __future__ import annotations

_LONGEST = 1000
"""Characters of a line that is read; the longest of netbase 6.4 has 76."""


def ports(text: str, service: str) -> dict[str, int]:
    """Give the port of a service, be it its name or an alias, by protocol; of two the first.

    A line that is damaged, or whose port is none, tells nothing.
    """
    found: dict[str, int] = {}
    for line in text.splitlines():
        if service not in line or len(line) > _LONGEST:
            continue
        name, *rest = line.partition("#")[0].split() or [""]
        if len(rest) < 1 or service not in (name, *rest[1:]):
            continue
        digits, _, protocol = rest[0].partition("/")
        if digits.isascii() and digits.isdecimal() and len(digits) < 6 and int(digits) <= 0xFFFF:
            found.setdefault(protocol, int(digits))
    return found
