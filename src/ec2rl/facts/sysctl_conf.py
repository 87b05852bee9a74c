"""sysctl.d files as their two readers read them: systemd-sysctl, and procps' `sysctl --system`.

The readers agree on what people usually write and differ at the edges; each difference below was
seen with systemd 252 and procps 4.0.2, and is held by tests/facts/test_sysctl_layouts.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from ec2rl.facts import conf_files, glob
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

SYSCTL_CONF = "/etc/sysctl.conf"

CREDENTIAL = "sysctl.extra"
CREDENTIALS = (
    "/run/credentials/@system",
    "/run/credentials/@encrypted",
    "/etc/credstore",
    "/etc/credstore.encrypted",
    "/run/credstore",
    "/run/credstore.encrypted",
    "/usr/lib/credstore",
    "/usr/lib/credstore.encrypted",
)
"""Where systemd finds a credential of this name, whose lines systemd-sysctl reads after all files
(systemd-sysctl.service(8), since 252; systemd.exec(5))."""

MAX_PATTERN = 512
"""Characters."""

MAX_ALTERNATIVES = 64
"""Patterns that one pattern with braces may stand for."""


class Reader(Enum):
    """Who reads the files; the value is the command that does it."""

    SYSTEMD = "systemd-sysctl"
    """At boot, on a host with systemd; reads /etc/sysctl.conf only through a link in sysctl.d."""
    PROCPS = "sysctl --system"
    """At boot elsewhere, and by hand; reads /etc/sysctl.conf in any case, after all others."""


@record(frozen=True)
class Assignment:
    """One line that gives a key a value.

    `key` is a path below /proc/sys or a pattern of such paths; `value` is None for `-key` alone,
    which exempts a key from patterns. `line` is 0 for a word of a command line.
    """

    path: str
    line: int
    text: str
    key: str
    value: str | None

    def evidence(self) -> Evidence:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return Evidence(place, self.text[:200])

    def is_pattern(self) -> bool:
        return any(sign in self.key for sign in "*?[")


@record(frozen=True)
class NoAssignment:
    """A line that its reader complains about and skips."""

    path: str
    line: int
    text: str


def files(host: Host, reader: Reader) -> tuple[Evidence | Unreadable, ...]:
    """Give the files that count at boot, in the order in which they are applied."""
    # procps takes `.name.conf` for a file like any other.
    found = conf_files.merged(
        host, conf_files.folders("sysctl.d"), ".conf", dotfiles=reader is Reader.PROCPS
    )
    if reader is Reader.PROCPS:
        last = conf_files.read(host, SYSCTL_CONF)
        if last is not None:
            return (*found, last)
        return found
    return (*found, *_credential(host))


def _credential(host: Host) -> Iterator[Evidence | Unreadable]:
    """The first credential with lines for systemd-sysctl, if there is one."""
    for folder in CREDENTIALS:
        names = host.names(folder)
        if isinstance(names, Unreadable):
            if names.why is Why.DENIED:
                yield names
        elif CREDENTIAL in names:
            path = f"{folder}/{CREDENTIAL}"
            sealed = folder.endswith("encrypted")
            text = None if sealed else conf_files.read(host, path)
            yield text or Unreadable(path, Why.PARTIAL, "encrypted" if sealed else "gone")
            return


def parse(path: str, text: str, reader: Reader) -> Iterator[Assignment | NoAssignment]:
    """Yield the lines of one file that are not empty and no comments; lines are counted from 1."""
    blank = " \t\r" if reader is Reader.SYSTEMD else " \t\r\v\f"
    for number, whole in enumerate(text.split("\n"), 1):
        # For systemd a carriage return or a NUL ends a line; for C strings a NUL ends everything.
        if reader is Reader.SYSTEMD:
            pieces = whole.replace("\0", "\r").split("\r")
        else:
            pieces = [whole.partition("\0")[0]]
        for piece in pieces:
            line = piece.strip(blank)
            if not line or line[0] in "#;":
                continue
            key, equals, value = line.partition("=")
            if not equals and line[0] != "-":
                yield NoAssignment(path, number, line[:200])
                continue
            if line[0] == "-":
                # procps keeps a blank behind the minus: then no such key exists.
                key = key[1:].lstrip(blank) if reader is Reader.SYSTEMD else key[1:]
            key = normalize(key.rstrip(blank))
            yield Assignment(path, number, line, key, value.strip(blank) if equals else None)


def normalize(key: str) -> str:
    """Give a key as a path below /proc/sys.

    The separator that comes first says which one separates.
    """
    dot, slash = key.find("."), key.find("/")
    if dot >= 0 and (slash < 0 or dot < slash):
        key = key.translate({ord("."): "/", ord("/"): "."})
    return "/".join(part for part in key.split("/") if part not in ("", "."))


def writes(
    assignments: Iterable[Assignment], reader: Reader, existing: Sequence[str]
) -> list[tuple[str, Assignment]]:
    """Tell what is written to which path, in order.

    `existing` are the paths that patterns may meet.

    A key that is named anywhere is left alone by every pattern, also by a later one.
    """
    queue = list(assignments)
    if reader is Reader.SYSTEMD:
        # One assignment a key. A new value moves the key to the end; the same value again leaves
        # it where it was, so that another name of the same setting in between wins over it.
        table: dict[str, Assignment] = {}
        for item in queue:
            if item.key in table and table[item.key].value == item.value:
                continue
            table.pop(item.key, None)
            table[item.key] = item
        queue = list(table.values())
    named = {item.key for item in queue}
    found: list[tuple[str, Assignment]] = []
    for item in queue:
        if item.value is None:
            continue
        if item.is_pattern():
            found += [
                (path, item)
                for path in existing
                if path not in named and matches(item.key, path, reader)
            ]
        else:
            found.append((item.key, item))
    return found


def matches(pattern: str, path: str, reader: Reader) -> bool:
    """Tell whether a pattern meets a path, as glob(3) says.

    `*` stops at a slash; systemd knows braces.
    """
    choices = alternatives(pattern) if reader is Reader.SYSTEMD else [pattern]
    return any(glob.matches(one, path) for one in choices or ())


def alternatives(pattern: str) -> list[str] | None:
    """Tell what a pattern with {braces,like,these} stands for.

    None if that is too much to look at.
    """
    if len(pattern) > MAX_PATTERN:
        return None
    done: set[str] = set()
    open_ones = {pattern}
    while open_ones:
        if len(done) + len(open_ones) > MAX_ALTERNATIVES:
            return None
        one = open_ones.pop()
        close = one.find("}")
        brace = one.rfind("{", 0, max(close, 0))
        if brace < 0:
            done.add(one)
            continue
        # The innermost braces first: what is between them holds no others.
        open_ones.update(
            one[:brace] + choice + one[close + 1 :] for choice in one[brace + 1 : close].split(",")
        )
    return sorted(done)


def kernel_int(text: str) -> int | None:
    """Parse a number as the kernel's proc_dointvec() reads it, None where it answers EINVAL.

    C's rules: 0x is hexadecimal, a leading 0 octal; what follows a blank is not looked at. At most
    20 characters count as a number, and it must fit 64 bits (kernel/sysctl.c, 6.18).
    """
    text = text.lstrip(" \t\n\v\f\r")
    end = min((at for at in map(text.find, " \t\n") if at >= 0), default=len(text))
    word = text[:end]
    digits = word.removeprefix("-")
    base = 10
    if digits[:2] in ("0x", "0X"):
        digits, base = digits[2:], 16
    elif digits[:1] == "0":
        base = 8
    allowed = "0123456789abcdefABCDEF" if base == 16 else "0123456789"[:base]
    if not digits or len(word) > 20 or digits.strip(allowed):
        return None
    value = int(digits, base)
    if value >= 1 << 64:
        return None
    return -value if word[0] == "-" else value
