"""Whose a file is and of when, as far as its beginning says: what contradicts another file."""

from __future__ import annotations

import re
from zlib import crc32

from ec2rl.evidence.kinds import Kind, Use, plain
from ec2rl.record import record

_LINES = 1000
_NOBODY = ("", "localhost", "(none)", "kernel", "-")
_APART = 86400.0
"""Seconds between the times of two files that are not of one moment: a copy keeps them, or not."""

_STAMPED = (
    rb"(?m)^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ][\d:.,]+\S*)"
    rb" ([A-Za-z0-9][\w.-]{0,63}) [\w./@-]{1,64}(?:\[\d+\])?: "
)
_SET = rb"(?:Set hostname to|Hostname set to) <([\w.-]{1,64})>"
"""systemd, src/core/main.c and hostname-setup.c: what it says through the kernel's log, too."""
_RING = (
    rb"(?m)^(?:<\d{1,3}>|\w+ *: *\w+ *: )?"
    rb"\[ *(\d{1,9}\.\d{6})\](?:\[ *[TC]\d{1,10}\])? ([^\n]*)\n"
)


@record(frozen=True)
class Identity:
    """What a file says of where it is from; "" for what it does not say.

    `lines` are those of a ring buffer, each its seconds since boot and a number made of both: two
    boots have few in common.  `modified` is its file's time in seconds since the epoch, of what
    tells one moment, else None.
    """

    host: str = ""
    machine: str = ""
    boot: str = ""
    release: str = ""
    lines: tuple[tuple[float, int], ...] = ()
    modified: float | None = None

    @property
    def is_named(self) -> bool:
        """Whether it says which machine it is of."""
        return bool(self.host or self.machine or self.boot)

    def is_linked(self, other: Identity) -> bool:
        """Tell whether both say the same of which machine they are of."""
        return any(
            mine == theirs != ""
            for mine, theirs in (
                (_short(self.host), _short(other.host)),
                (self.machine, other.machine),
                (self.boot, other.boot),
            )
        )


def contradiction(one: Identity, other: Identity) -> str:
    """Say why two files are not of one machine at one moment, "" where nothing says so."""
    for what, mine, theirs in (
        ("hosts", _short(one.host), _short(other.host)),
        ("machine ids", one.machine, other.machine),
        ("boots", one.boot, other.boot),
        ("kernels", one.release, other.release),
    ):
        if mine and theirs and mine != theirs:
            return f"they name the {what} {mine} and {theirs}"
    if _are_two_boots(one.lines, other.lines):
        return "they tell of two different boots"
    times = one.modified, other.modified
    if times[0] is not None and times[1] is not None and abs(times[0] - times[1]) > _APART:
        return "their files are of two moments, more than a day apart"
    return ""


def identity_of(kind: Kind, head: bytes, modified: float | None = None) -> Identity:
    """Read what a file's beginning says of where it is from."""
    text = plain(head)
    if kind.use is Use.SETTINGS:
        return Identity(
            host=_name(_setting(text, "hostname")),
            boot=_setting(text, r"random\.boot_id"),
            release=_setting(text, "osrelease"),
            modified=modified,
        )
    if kind.use is Use.RELEASE:
        words = text.decode("utf-8", "backslashreplace").split()
        return Identity(host=_name(words[1]), release=words[2])
    if kind.use is Use.LOG and kind.part:  # a document: what it quotes is not of where it is from
        return Identity()
    if kind.use is Use.LOG:
        return _of_a_log(kind, head, text)
    return Identity(modified=modified if kind.use in (Use.TEXT, Use.STREAM) else None)


def _of_a_log(kind: Kind, head: bytes, text: bytes) -> Identity:
    if kind.name == "journal file":
        # systemd, journal-def.h: file_id, machine_id.
        return Identity(machine=head[40:56].hex() if len(head) >= 56 else "")
    if kind.name in ("journal export", "journal as JSON"):
        return Identity(
            host=_name(_field(text, rb"_HOSTNAME", rb"[\w.-]{1,64}")),
            machine=_field(text, rb"_MACHINE_ID", rb"[0-9a-f]{32}"),
        )
    names = re.findall(_STAMPED, text)
    said = re.findall(_SET, text)
    if kind.name != "dmesg":
        known = [name for name in (*said, *names) if _name(name.decode())]
        # A machine is given its name while it starts: the last one is the one it has.
        return Identity(host=known[-1].decode() if known else "")
    release = re.search(rb"Linux version ([\w.+~-]{1,64})", text)
    lines = re.findall(_RING, text)[:_LINES]
    return Identity(
        host=_name(said[-1].decode()) if said else "",
        release="" if release is None else release[1].decode(),
        lines=tuple((float(at), crc32(at + words.rstrip())) for at, words in lines if float(at)),
    )


def _are_two_boots(
    one: tuple[tuple[float, int], ...], other: tuple[tuple[float, int], ...]
) -> bool:
    """Whether they tell of the same seconds in other words."""
    if not one or not other:
        return False
    start, end = max(min(one)[0], min(other)[0]), min(max(one)[0], max(other)[0])
    mine, theirs = ({mark for at, mark in all_ if start <= at <= end} for all_ in (one, other))
    return 2 * len(mine & theirs) < min(len(mine), len(theirs))


def _setting(text: bytes, name: str) -> str:
    found = re.search(rf"(?m)^kernel\.{name} = ([\w.+~-]{{1,64}})\s*$".encode(), text)
    return "" if found is None else found[1].decode()


def _field(text: bytes, name: bytes, value: bytes) -> str:
    found = re.search(rb'"?%s"?\s*[=:]\s*"?(%s)"?' % (name, value), text)
    return "" if found is None else found[1].decode()


def _name(host: str) -> str:
    return "" if host.lower() in _NOBODY or host.startswith("localhost.") else host


def _short(host: str) -> str:
    return host.partition(".")[0].lower()
