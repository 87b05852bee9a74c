"""What many hosts printed into one text, each line behind the name of its host.

pdsh, clush, dsh and xargs with a prefix write `host: LINE`, others `host | LINE`.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED = rb"([A-Za-z0-9][\w.-]{0,62})(?: *\| ?|: ?)"
_STAMP = rb"(?:<\d{1,3}>)?\[ *\d{1,9}\.\d{6}\]|\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] "
_SEVERAL = rb"(?m)^%s(?:%s)" % (_NAMED, _STAMP)


def names_hosts(text: bytes) -> bool:
    """Tell whether lines of several hosts' ring buffers may stand in a text."""
    return len(set(re.findall(_SEVERAL, text))) > 1


def by_host(lines: Sequence[bytes]) -> dict[str, dict[int, bytes]]:
    """Give the lines of each host, without its name, by their places; {} where not all are so.

    Most of what each of them said must be its kernel's: else the names are a program's words.
    """
    found: dict[str, dict[int, bytes]] = {}
    for at, line in enumerate(lines):
        named = re.match(_NAMED, line)
        if named is not None:
            found.setdefault(named[1].decode(), {})[at] = line[named.end() :]
        elif line.strip():
            return {}
    stamped = (sum(bool(re.match(_STAMP, one)) for one in its.values()) for its in found.values())
    sizes = (len(its) for its in found.values())
    is_all = all(2 * known > size for known, size in zip(stamped, sizes))
    return found if len(found) > 1 and is_all else {}
