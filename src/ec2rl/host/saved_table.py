"""A connection-tracking table that somebody saved, and names on the command line."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ec2rl.host.entries import Entries
from ec2rl.host.queries.conntrack_entries import ConntrackEntries
from ec2rl.host.query import Answer
from ec2rl.host.saved import Saved, Text, close_saved, open_saved, shown
from ec2rl.host.table_text import SECONDS, read_table
from ec2rl.model import Unreadable
from ec2rl.record import replace


def open_table(paths: Sequence[str]) -> Entries | Unreadable:
    """The table in these files (that of IPv4 and of IPv6, say); `-` is standard input."""
    from ec2rl.host.recording import RecordedHost, sections
    from ec2rl.host.sandbox import read_in_sandbox

    files = open_saved(paths)
    if isinstance(files, Unreadable):
        return files
    name = shown(files)
    try:
        text = read_in_sandbox(name, lambda: _recording(name, files), 2 * SECONDS)
    finally:
        close_saved(files)
    if isinstance(text, Unreadable):
        return text
    found = RecordedHost(sections(text)[1]).query(ConntrackEntries())
    return replace(found, source=name)


def kept_table(table: Entries | Unreadable) -> tuple[str, Answer | Unreadable]:
    """A saved table as a recording keeps it: its key, and the look."""
    query = ConntrackEntries()
    return query.key, table if isinstance(table, Unreadable) else Answer(query, table)


def _recording(name: str, files: Sequence[Saved]) -> str:
    from ec2rl.host.recording import case

    deadline = time.monotonic() + SECONDS
    texts = [Text(file, deadline) for file in files]
    modified = max(os.fstat(file.fd).st_mtime for file in files)
    found = read_table(name, [text.read for text in texts], modified)
    gaps = [gap for text in texts if (gap := text.refused or text.gap)]
    if gaps and isinstance(found, Entries):
        found = replace(found, gap="; ".join(filter(None, (found.gap, *gaps))))
    elif gaps and isinstance(found, Unreadable):
        found = replace(found, detail="; ".join(gaps))
    return case(dict([kept_table(found)]), [])
