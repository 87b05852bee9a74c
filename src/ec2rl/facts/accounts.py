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


_PEOPLE = 64


@record(frozen=True)
class Account:
    """A line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str

    @property
    def has_shell(self) -> bool:
        """Whether its shell lets somebody work, as far as its name tells."""
        return self.shell.strip().rpartition("/")[2] not in _NOT_SHELLS


@record(frozen=True)
class Password:
    """What a line of /etc/shadow says: the state of the password, and days since 1970."""

    state: str
    changed: int | None = None
    most: int | None = None
    inactive: int | None = None
    expires: int | None = None

    @property
    def bears(self) -> int | None:
        """Days that an old password is still good for, None for no end (shadow(5), INACTIVE)."""
        return self.inactive if self.inactive is not None and self.inactive >= 0 else None


@record(frozen=True)
class Passwd:
    """The accounts for people, those with shells first, and the numbers of lines that are none.

    Root and accounts from number 1000 on are for people.  `named` are those that were asked for by
    name; `more` people are beyond the first 64.
    """

    people: tuple[Account, ...]
    named: Mapping[str, Account]
    bad: tuple[int, ...]
    more: int = 0


def parse_passwd(text: str, wanted: tuple[str, ...] = ("root", "sshd")) -> Passwd:
    """Read /etc/passwd: the first accounts for people, and those that are asked for by name."""
    shells: list[Account] = []
    others: list[Account] = []
    named: dict[str, Account] = {}
    bad: list[int] = []
    more = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line[0] in "#+-":
            continue
        fields = line.split(":")
        if len(fields) < 7 or not (_is_number(fields[2]) and _is_number(fields[3])):
            bad.append(number)
            continue
        name, uid = fields[0], int(fields[2])
        is_peoples = uid == 0 or (uid >= _LEAST and uid != _NOBODY)
        if is_peoples and len(shells) >= _PEOPLE and name not in wanted:
            more += 1
            continue
        if name in wanted or is_peoples:
            one = Account(name, uid, int(fields[3]), fields[5], fields[6] or "/bin/sh")
            if name in wanted:
                named.setdefault(name, one)
            if is_peoples:
                (shells if one.has_shell else others).append(one)
    people = (*shells, *others)[:_PEOPLE]
    return Passwd(people, named, tuple(bad), more + len(shells) + len(others) - len(people))


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
