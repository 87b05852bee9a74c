"""A sosreport as a host: read once, as a stream, by a process without rights; never unpacked.

What is found is written down as a recording (recording.py), and this is what answers.  Nothing
but the names of `sos_layout` is opened; links count only where they end inside the archive.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ec2rl.host import Phrase
from ec2rl.host.chroot_fs import Root
from ec2rl.host.packed import Packed
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.host.sos_collect import Collector
from ec2rl.host.sos_folder import FolderMembers
from ec2rl.host.spool import MOST
from ec2rl.host.tar import Tar
from ec2rl.host.watched import Watched
from ec2rl.model import Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.saved import Saved

SECONDS = 900.0
"""For one archive: 10 GiB take some minutes to unpack."""

_NOTHING = "it holds nothing of a sosreport, nor var/log: unpack it, and name its folder"
_UNKNOWN = "the archive cannot be unpacked here"


def open_sos(path: str, phrases: Sequence[Phrase]) -> RecordedHost | Unreadable:
    """Open a sosreport, packed or as a folder; Unreadable when there is nothing of one in it."""
    from ec2rl.host.files import open_regular
    from ec2rl.host.saved import NotReadError, Saved, refuse_kernels

    if os.path.isdir(path):
        return _host(path, _read_folder(path, phrases))
    fd = open_regular(path)
    if isinstance(fd, Unreadable):
        return fd
    try:
        refuse_kernels(fd)
        return read_sos(Saved(path, fd), phrases)
    except NotReadError as error:
        return Unreadable(path, Why.FAILED, str(error))
    finally:
        os.close(fd)


def read_sos(file: Saved, phrases: Sequence[Phrase]) -> RecordedHost | Unreadable:
    """Read a sosreport in a file that is open; Unreadable when there is nothing of one in it."""
    from ec2rl.host.sandbox import read_in_sandbox

    def work() -> str:
        return read_archive(file.fd, phrases, file.watched)

    return _host(file.name, read_in_sandbox(file.name, work, SECONDS, MOST))


def _host(path: str, text: str | Unreadable) -> RecordedHost | Unreadable:
    if isinstance(text, Unreadable):
        return text
    _, looks = sections(text)
    # The clock, the folder of processes, what is expected; and that it is no sosreport.
    if len(looks) < 4 + ("notes" in looks):
        return Unreadable(path, Why.FAILED, looks.get("gaps", _NOTHING))
    cut = looks.get("cut", "").strip()
    what = "files" if "notes" in looks else "sosreport"
    return RecordedHost(looks, f"the {what} {path}", missing=Why.NOT_COLLECTED, detail=cut)


def read_archive(fd: int, phrases: Sequence[Phrase], watched: Watched | None = None) -> str:
    """Make the recording of an archive: tar, alone or in gzip, xz, bzip2 or zstd."""
    from ec2rl.host.unpack import HEAD, kind_of, open_archive

    deadline = time.monotonic() + SECONDS
    packed = Packed(fd)
    head = packed.head(HEAD)
    kind = kind_of(head)
    source = open_archive(kind, head, packed, fd, deadline) if kind else packed
    found = Collector(phrases, deadline)
    if isinstance(source, str):
        found.cut(_UNKNOWN, source)
        return found.text()
    tar = Tar(source, deadline)
    try:
        for member in tar:
            found.add(member)
    finally:
        source.close()
    if tar.is_none:
        found.cut(_UNKNOWN, "it is no tar, alone or in gzip, xz, bzip2 or zstd")
    elif tar.gap:
        found.cut("the archive is cut or damaged", tar.gap)
    if watched is not None and (changed := watched.changed()):
        found.cut("the archive changed while it was read", f"the archive {changed}")
    return found.text()


def _read_folder(path: str, phrases: Sequence[Phrase]) -> str | Unreadable:
    from ec2rl.host.files import unreadable

    found = Collector(phrases, time.monotonic() + SECONDS)
    try:
        root = Root(path, ours=())
    except OSError as error:
        return unreadable(path, error)
    members = FolderMembers(root, found.gaps)
    for member in members:
        found.add(member)
    root.close()
    for change in members.changes:
        found.cut("the folder changed while it was read", change)
    for missed in members.missed:
        found.cut("not all of the folder could be read", missed)
    return found.text()
