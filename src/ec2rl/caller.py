"""Who asked, where root works for somebody else: sudo, pkexec and doas leave word of it.

A file that the command line has us make is made with the rights of whoever typed it.  Else a rule
that lets a user run this program as root would let them make any file.
"""

from __future__ import annotations

import os

from ec2rl.arguments import UsageError
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NOBODY = 65534


@record(frozen=True)
class Caller:
    """A user, and which variable told of them."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    variable: str


def caller_of(environment: Mapping[str, str]) -> Caller | None:
    """Whom root works for; None where that is root itself, or where this process is not root.

    Who cannot be told is nobody.  Only /etc/passwd and /etc/group are asked: a directory service
    may be far, and not answer; its groups are not taken.
    """
    if os.geteuid() != 0:
        return None
    for told in ("SUDO_UID", "PKEXEC_UID", "DOAS_USER"):
        if told not in environment:
            continue
        said = environment[told]
        by_name = told == "DOAS_USER"
        name, uid, gid = _account(said if by_name else None, None if by_name else _number(said))
        if told == "SUDO_UID":
            gid = _number(environment.get("SUDO_GID", str(gid)))
            name = name or environment.get("SUDO_USER", "")
        if uid != 0:
            return Caller(uid, gid, _groups(name, gid), told)
    return None


def _number(said: str) -> int:
    """A user's or a group's number; nobody's where it is none that the kernel would take."""
    if said.isascii() and said.isdecimal() and len(said) <= 10 and int(said) < 0xFFFFFFFF:
        return int(said)
    return _NOBODY


def _account(name: str | None, uid: int | None) -> tuple[str, int, int]:
    """Name, user and group of an account that is known by its name or by its number."""
    for known, _, number, group, *_ in _lines("/etc/passwd", 4):
        if known == name or (uid is not None and number == str(uid)):
            return known, _number(number), _number(group)
    return "", _NOBODY if uid is None else uid, _NOBODY


def _groups(name: str, gid: int) -> tuple[int, ...]:
    found = {
        _number(number)
        for _, _, number, members, *_ in _lines("/etc/group", 4)
        if name and name in members.split(",")
    }
    return (gid, *sorted(found - {gid}))


def _lines(path: str, fields: int) -> Iterator[list[str]]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.rstrip("\n").split(":") for line in file]
    except OSError:
        return iter(())
    return (row for row in rows if len(row) >= fields)


class Rights:
    """While it is entered, the kernel judges what is opened by the caller's rights, not root's.

    Only the saved user and group stay root's; a program that is started does not get these.
    UsageError where this process may not take the rights.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._caller = caller_of(environment)
        self.note = ""
        """Whose rights counted, for whoever is told that they did not suffice."""
        if self._caller is not None:
            self.note = f" (with the rights of user {self._caller.uid}, by {self._caller.variable})"

    def __enter__(self) -> None:
        if self._caller is None:
            return
        uid, gid = self._caller.uid, self._caller.gid
        self._before = os.getresuid(), os.getresgid(), os.getgroups()
        try:
            os.setgroups(self._caller.groups)
            os.setresgid(gid, gid, 0)
            os.setresuid(uid, uid, 0)
        except OSError as error:
            self.__exit__()
            why = os.strerror(error.errno or 0)
            raise UsageError(f"cannot take the rights of user {uid}: {why}") from None

    def __exit__(self, *_: object) -> None:
        if self._caller is None:
            return
        uids, gids, groups = self._before
        os.seteuid(0)
        os.setresuid(*uids)
        os.setresgid(*gids)
        os.setgroups(groups)
