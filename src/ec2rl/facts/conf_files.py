"""Folders of drop-in files, where a name in an earlier folder replaces the same name in a later.

sysctl.d(5), modprobe.d(5), modules-load.d(5) and udev(7) share this rule; only the folders differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from posixpath import dirname, join, normpath

from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why

LIMIT = 256 << 10
MAX_LINES = 10_000
"""Characters and lines; nobody's drop-in file is larger."""

ALL_LINES = 50_000
"""Lines of all files of one kind; what is beyond counts as not read."""

MAX_LINKS = 40
"""As many symbolic links the kernel follows before it says ELOOP (fs/namei.c)."""


def folders(name: str) -> tuple[str, ...]:
    """Tell where drop-in files of one kind live, the strongest folder first."""
    return tuple(
        f"{place}/{name}" for place in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
    )


def merged(
    host: Host, places: Sequence[str], suffix: str, dotfiles: bool = False
) -> tuple[Evidence | Unreadable, ...]:
    """Give the files that count, in the order in which they are read: by name, whatever the folder.

    A link to /dev/null comes as an empty file, a dangling link not at all (both hide their name).
    A folder that cannot be read stands last: what it holds may replace or follow any file.
    """
    chosen: dict[str, str] = {}
    unread: list[Unreadable] = []
    for place in places:
        names = host.names(place)
        if isinstance(names, Unreadable):
            # /run is a new tmpfs at each boot: that a volume has none of it decides nothing.
            gone = names.why is Why.NOT_COLLECTED and place.startswith("/run/")
            if names.why is not Why.ABSENT and not gone:
                unread.append(names)
            continue
        for name in names:
            if name.endswith(suffix) and (dotfiles or not name.startswith(".")):
                chosen.setdefault(name, f"{place}/{name}")
    found: list[Evidence | Unreadable] = []
    lines = 0
    for name in sorted(chosen):
        text = read(host, chosen[name])
        if text is None:
            continue
        if isinstance(text, Evidence):
            lines += text.text.count("\n")
        if lines > ALL_LINES:
            unread.append(Unreadable(chosen[name], Why.PARTIAL, "too many lines before it"))
            break
        found.append(text)
    return (*found, *unread)


def read(host: Host, path: str) -> Evidence | Unreadable | None:
    """Give one file under the name by which it is known; None where nothing is there."""
    if final(host, path) == "/dev/null":
        return Evidence(path, "")
    text = host.read(path)
    if isinstance(text, Unreadable):
        return None if text.why is Why.ABSENT else text
    if len(text.text) > LIMIT or text.text.count("\n") > MAX_LINES:
        limits = f"more than {LIMIT >> 10} KiB or {MAX_LINES} lines"
        return Unreadable(path, Why.PARTIAL, limits)
    return Evidence(path, text.text)


def text(host: Host, path: str) -> Evidence | Unreadable:
    """Give one file; one that is not there is an empty one."""
    return read(host, path) or Evidence(path, "")


def joined_lines(whole: str) -> Iterator[tuple[int, str]]:
    """Yield lines, those in one that a backslash joins, with the number of the first."""
    first, joined = 0, ""
    for number, line in enumerate(whole.split("\n"), 1):
        first = first or number
        if line.endswith("\\"):
            joined += line[:-1]
            continue
        yield first, joined + line
        first, joined = 0, ""


def final(host: Host, path: str) -> str:
    """Tell where the links of a file (not of its folders) end; the path itself if it is no link."""
    for _ in range(MAX_LINKS):
        target = host.link(path)
        if isinstance(target, Unreadable):
            break
        path = normpath(join(dirname(path), target))
    return path
