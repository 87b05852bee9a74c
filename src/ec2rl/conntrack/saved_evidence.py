"""A connection-tracking table that somebody saved, and names on the command line."""

from __future__ import annotations

from ec2rl.arguments import Option

# Whoever only asks for the option pays for nothing else.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.conntrack.queries.kept import Entries
    from ec2rl.conntrack.queries.saved_text import Read
    from ec2rl.evidence.kinds import Row
    from ec2rl.host.query import Answer
    from ec2rl.host.saved import Saved
    from ec2rl.model import Unreadable

OPTION = Option("FILE", "count a saved table, alone or beside these", many=True)
NOUN = "table"

TEXTS = r"conntrack_-S"
"""The names of a sosreport's files whose text answers the question of that name."""
STREAMS = r"conntrack_-L(?:_-[of]_\w+)*"
"""The names of those that are read as they stream past (`read_member`), and what they answer."""
KEY = "conntrack -L"
OLD_NAMES = {
    "/proc/net/stat/ip_conntrack": "/proc/net/stat/nf_conntrack",
    "/proc/sys/net/ipv4/netfilter/ip_conntrack_": "/proc/sys/net/netfilter/nf_conntrack_",
    "/proc/sys/net/ipv4/ip_conntrack_max": "/proc/sys/net/nf_conntrack_max",
}
"""How kernels up to 2.6.18 name its files, and today's do (ip_conntrack_standalone.c)."""
PRINTED = {
    rb"conntrack (?:-C|--count)(?: conntrack)?": b"/proc/sys/net/netfilter/nf_conntrack_count",
}
"""Commands that print one number, and the file that has the same."""
SETTINGS = "/proc/sys/net/netfilter/"
"""The settings that each network namespace has for itself."""
TELLTALES = {
    b"conntrack_count": ("/proc/sys/net/netfilter/nf_conntrack_count", r"\S*conntrack_count\W*\d"),
    b"early_drop": (("conntrack -S", "/proc/net/stat/"), r"cpu=\d|entries\s"),
    b"conntrack_allowance_exceeded": ("ethtool -S", r"\s*conntrack_allowance_exceeded\W*\d"),
    b" flow entries have been shown": (KEY, r"conntrack v"),
    b"dport=": (KEY, r"(?:ipv[46]\s+\d+\s+)?\w+\s+\d+\s+\d+\s"),
}
"""Words of which a text that was not understood makes a doubt: the look that they belong to, and
how a message begins that is such a line itself, in a log that somebody's program passed on."""
KERNELS = ("/net/nf_conntrack", "/net/ip_conntrack")
"""The kernel's files that people name, and that reading leaves as they are."""
NEEDS = tuple(
    f"ec2rl.conntrack.queries.{name}"
    for name in ("entries", "entry_lines", "line_forms", "saved_kinds", "saved_text")
)
"""What a reader without rights may import."""

_SECONDS, _FEW = 20.0, 2000
"""For one table of several; entries that are kept of one that is not the host's own."""


def open_named(paths: Sequence[str]) -> Entries | Unreadable:
    """Give the table in these files (that of IPv4 and of IPv6, say); `-` is standard input."""
    from ec2rl.conntrack.queries.entries import ConntrackEntries
    from ec2rl.conntrack.queries.saved_text import SECONDS
    from ec2rl.host.recording import RecordedHost, sections
    from ec2rl.host.sandbox import read_in_sandbox
    from ec2rl.host.saved import close_saved, names_of, open_saved
    from ec2rl.model import Unreadable
    from ec2rl.record import replace

    files = open_saved(paths)
    if isinstance(files, Unreadable):
        return files
    name = names_of(files)
    try:
        text = read_in_sandbox(name, lambda: _recording(name, files), 2 * SECONDS)
    finally:
        close_saved(files)
    if isinstance(text, Unreadable):
        return text
    found = RecordedHost(sections(text)[1]).query(ConntrackEntries())
    return replace(found, source=name)


def kept(table: Entries | Unreadable) -> tuple[str, Answer | Unreadable]:
    """Give a saved table as a recording keeps it: its key, and the look."""
    from ec2rl.conntrack.queries.entries import ConntrackEntries
    from ec2rl.host.query import Answer
    from ec2rl.model import Unreadable

    query = ConntrackEntries()
    return query.key, table if isinstance(table, Unreadable) else Answer(query, table)


def read_member(path: str, read: Read, modified: float, few: bool) -> Entries | Unreadable:
    """Give the table in a file of an archive, which `read` gives; `few` of its entries are kept."""
    from ec2rl.conntrack.queries.saved_text import KEPT, read_table

    return read_table(path, [read], modified, _SECONDS, _FEW if few else KEPT)


def _recording(name: str, files: Sequence[Saved]) -> str:
    import time

    from ec2rl.conntrack.queries.saved_text import SECONDS
    from ec2rl.host.recording import case

    return case(dict([kept(read_files(name, files, time.monotonic() + SECONDS))]), [])


def read_files(name: str, files: Sequence[Saved], deadline: float) -> Entries | Unreadable:
    """Give the table in files that are open, by a process without rights."""
    import os

    from ec2rl.conntrack.queries.kept import Entries
    from ec2rl.conntrack.queries.saved_text import read_table
    from ec2rl.host.saved import Text
    from ec2rl.model import Unreadable
    from ec2rl.record import replace

    texts = [Text(file, deadline) for file in files]
    modified = max(os.fstat(file.fd).st_mtime for file in files)
    found = read_table(name, [text.read for text in texts], modified)
    gaps = [gap for text in texts if (gap := text.refused or text.gap)]
    if gaps and isinstance(found, Entries):
        found = replace(found, gap="; ".join(filter(None, (found.gap, *gaps))))
    elif gaps and isinstance(found, Unreadable):
        found = replace(found, detail="; ".join(gaps))
    return found


def kinds() -> tuple[Row, ...]:
    """List what people save of connection tracking, told by how it begins."""
    from ec2rl.conntrack.queries.saved_kinds import KINDS

    return KINDS
