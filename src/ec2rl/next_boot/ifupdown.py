"""What ifupdown runs as it brings interfaces up: interfaces(5) of ifupdown 0.8.41.

Its options `pre-up`, `up` and `post-up` are commands for a shell. BusyBox' ifup reads the same.
"""

from __future__ import annotations

import string
from collections.abc import Iterator

from ec2rl.facts import conf_files, glob
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why

INTERFACES = "/etc/network/interfaces"
MAX_FILES = 200
"""Files that others may name with `source`."""

_RUN = ("pre-up", "up", "post-up")
_NAME = frozenset(string.ascii_letters + string.digits + "_-")
"""What the names of files may be made of that `source-directory` takes."""


def interface_lines(host: Host) -> Iterator[tuple[str, Evidence | Unreadable]]:
    """Yield the commands, each with who runs it, and what could not be read."""
    waiting = [INTERFACES]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        if len(seen) == MAX_FILES:
            missing = Unreadable(path, Why.PARTIAL, f"more than {MAX_FILES} files are named")
            yield "ifupdown", missing
            return
        seen.add(path)
        text = conf_files.text(host, path)
        if isinstance(text, Unreadable):
            yield "ifupdown", text
            continue
        for number, line in conf_files.joined_lines(text.text):
            name, _, rest = " ".join(line.split()).partition(" ")
            if name in _RUN:
                yield "ifupdown", Evidence(f"{path}:{number}", f"{name} {rest}")
            elif name in ("source", "source-directory", "source-dir"):
                waiting += _named(host, path, rest, name != "source")


def _named(host: Host, path: str, words: str, is_folder: bool) -> Iterator[str]:
    """The files that a pattern of paths meets; stars may stand in its last part alone."""
    for word in words.split():
        whole = word if word[:1] == "/" else f"{path.rpartition('/')[0]}/{word}"
        folder, _, pattern = whole.rstrip("/").rpartition("/")
        if is_folder:
            folder, pattern = whole.rstrip("/"), "*"
        names = host.names(folder)
        for name in names[:MAX_FILES] if isinstance(names, tuple) else ():
            if glob.matches(pattern, name) and (not is_folder or _NAME.issuperset(name)):
                yield f"{folder}/{name}"
