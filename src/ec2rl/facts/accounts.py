"""Accounts of a machine: /etc/passwd, /etc/group, and what /etc/shadow says without its hashes.

passwd(5), group(5), shadow(5); what glibc's nss_files passes over is passed over.
"""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NOT_SHELLS = ("nologin", "false", "sync", "shutdown", "halt", "true", "git-shell")
_NOBODY = 65534
_LEAST = 1000
"""The first number that a person's account has (UID_MIN in login.defs of all since 2011)."""


@record(frozen=True)
class Account:
    """A line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    number: int = 0

    @property
    def is_for_people(self) -> bool:
        """Whether somebody is meant to log in by it: root, or a person's with a shell."""
        has_shell = self.shell.rpartition("/")[2] not in _NOT_SHELLS
        return has_shell and (self.uid == 0 or (self.uid >= _LEAST and self.uid != _NOBODY))


@record(frozen=True)
class Password:
    """What a line of /etc/shadow says: the state of the password, and days since 1970."""

    state: str
    changed: int | None = None
    most: int | None = None
    inactive: int | None = None
    expires: int | None = None


@record(frozen=True)
class Passwd:
    """The accounts of interest, how many lines there were, and the numbers of those that are none.

    `named` are accounts by name that were asked for, `uids` of all.
    """

    people: tuple[Account, ...]
    named: Mapping[str, Account]
    lines: int
    bad: tuple[int, ...]


def parse_passwd(text: str, wanted: tuple[str, ...] = ("root", "sshd")) -> Passwd:
    """Read /etc/passwd: the accounts for people, and those that are asked for by name."""
    people: list[Account] = []
    named: dict[str, Account] = {}
    bad: list[int] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip() or line[0] in "#+-":
            continue
        fields = line.split(":")
        if len(fields) < 7 or not (_is_number(fields[2]) and _is_number(fields[3])):
            bad.append(number)
            continue
        name, _, uid, gid, _, home, shell = fields[:7]
        if name in named or not name:
            continue
        if name in wanted or int(uid) == 0 or int(uid) >= _LEAST:
            one = Account(name, int(uid), int(gid), home, shell.strip() or "/bin/sh", number)
            if name in wanted:
                named[name] = one
            if one.is_for_people:
                people.append(one)
    return Passwd(tuple(people), named, len(lines), tuple(bad))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def parse_groups(text: str) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Read /etc/group: name, number and members of each group."""
    for line in text.split("\n"):
        fields = line.split(":")
        if len(fields) >= 4 and line[0] not in "#+-" and _is_number(fields[2]):
            yield fields[0], int(fields[2]), tuple(fields[3].strip().split(","))


def groups_of(account: Account, text: str) -> tuple[tuple[str, ...], frozenset[int]]:
    """Give the names and numbers of the groups that an account is in."""
    met = [
        (name, gid)
        for name, gid, members in parse_groups(text)
        if gid == account.gid or account.name in members
    ]
    numbers = frozenset(gid for _, gid in met) | {account.gid}
    return tuple(dict.fromkeys(name for name, _ in met)), numbers


def parse_shadow(text: str, wanted: frozenset[str]) -> dict[str, Password]:
    """Read what `host.queries.shadow` tells, of these accounts."""
    found: dict[str, Password] = {}
    for line in text.split("\n"):
        name, _, rest = line.partition(":")
        if name in wanted and name not in found and rest and rest != "?":
            state, *times = rest.split(":")
            changed, _, most, _, inactive, expires = (*map(_days, times), *(None,) * 6)[:6]
            found[name] = Password(state, changed, most, inactive, expires)
    return found


def _days(text: str) -> int | None:
    text = text.strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def outside(text: str) -> tuple[str, ...]:
    """Name the sources of accounts beside the files that /etc/nsswitch.conf has (`passwd:`)."""
    for line in text.split("\n"):
        name, _, rest = line.partition("#")[0].partition(":")
        if name.strip() == "passwd":
            return tuple(one for one in rest.split() if one.isalnum() and one not in _OURS)
    return ()


_OURS = ("files", "compat", "systemd", "db", "altfiles", "mymachines")
