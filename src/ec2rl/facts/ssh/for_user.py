"""What sshd's configuration says for one user: what Match blocks apply, and who may log in.

servconf.c match_cfg_line(), match.c, auth.c allowed_user() of OpenSSH 7.4 to 10.2.
"""

from __future__ import annotations

from ec2rl.facts.ssh.config import Config, Line
from ec2rl.model import Statement, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ec2rl.facts.ssh.config import Criteria

_LISTS = ("allowusers", "denyusers", "allowgroups", "denygroups", "acceptenv", "setenv")
"""Keywords whose lines add to each other."""


@record(frozen=True)
class Who:
    """A user and its groups, as sshd's patterns meet them."""

    name: str
    groups: tuple[str, ...]


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of `*` and `?` meets a text (match_pattern())."""
    at = token = 0
    star, resume = -1, 0
    while at < len(text):
        sign = pattern[token : token + 1]
        if sign == "*":
            star, resume = token, at
            token += 1
        elif sign and sign in ("?", text[at]):
            at += 1
            token += 1
        elif star >= 0:
            resume += 1
            token, at = star + 1, resume
        else:
            return False
    return not pattern[token:].strip("*")


def matches_list(patterns: str, texts: Iterable[str]) -> bool:
    """Whether a list with commas meets one of some texts; one behind a `!` forbids it."""
    met = False
    for pattern in patterns.split(","):
        wanted = pattern.removeprefix("!")
        if any(matches(wanted, text) for text in texts):
            if wanted != pattern:
                return False
            met = True
    return met


def applies(criteria: Criteria, who: Who) -> bool | None:
    """Whether a Match applies to a user; None where it depends on where from, and on more."""
    known: bool | None = True
    for name, value in criteria:
        if name == "user":
            met: bool | None = matches_list(value, (who.name,))
        elif name == "group":
            met = matches_list(value, who.groups)
        elif name == "invalid-user":
            met = False
        else:
            is_all = name == "all" or (name in ("host", "address") and _is_any(name, value))
            met = True if is_all else None
        if met is False:
            return False
        known = None if met is None else known
    return known


def _is_any(name: str, value: str) -> bool:
    """Whether a list of hosts, or of addresses, meets every client (all of IPv4 at the least)."""
    patterns = value.split(",")
    met = any(one == "*" or (name == "address" and one == "0.0.0.0/0") for one in patterns)
    return met and not any(one.startswith("!") for one in patterns)


class ForUser:
    """The configuration as it is for one user; what depends on where from does not count.

    `depends` are lines that some clients have set otherwise.
    """

    def __init__(self, config: Config, who: Who) -> None:
        self.who = who
        self._inner: dict[str, list[Line]] = {}
        self._outer: dict[str, list[Line]] = {}
        self.depends: list[Line] = []
        for line in config.lines:
            met = [applies(criteria, who) for criteria in line.match]
            if line.is_for_all:
                self._outer.setdefault(line.name, []).append(line)
            if line.match and all(met):
                self._inner.setdefault(line.name, []).append(line)
            elif None in met and False not in met:
                self.depends.append(line)

    def line(self, name: str) -> Line | None:
        """Give the line that counts, None for none."""
        found = self._inner.get(name) or self._outer.get(name)
        return found[0] if found else None

    def value(self, name: str, default: str) -> str:
        """Give the first value of a keyword, in small letters."""
        line = self.line(name)
        return line.words[0].lower() if line is not None else default

    def words(self, name: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Give all values of a keyword: of a list those of all its lines."""
        if name not in _LISTS:
            line = self.line(name)
            return tuple(default) if line is None else line.words
        found = self._inner.get(name) or self._outer.get(name) or []
        return tuple(word for line in found for word in line.words)

    def is_on(self, *names: str, default: bool) -> bool:
        """Whether a keyword of yes and no, or an older name of it, is yes."""
        found = [line for name in names if (line := self.line(name)) is not None]
        return found[0].words[0].lower() == "yes" if found else default


def refused(settings: ForUser) -> Statement | None:
    """Say by which list a user may not log in, from anywhere; None where none forbids it."""
    who = settings.who
    for pattern in settings.words("denyusers"):
        if _is_met(pattern, who.name) is True:
            return say("it is listed in DenyUsers")
    allowed = settings.words("allowusers")
    if allowed and not any(_is_met(pattern, who.name) is not False for pattern in allowed):
        return say("it is not listed in AllowUsers")
    for pattern in settings.words("denygroups"):
        if any(matches(pattern, group) for group in who.groups):
            return say("a group of it is listed in DenyGroups")
    groups = settings.words("allowgroups")
    met = (matches(pattern, group) for pattern in groups for group in who.groups)
    if groups and not any(met):
        return say("no group of it is listed in AllowGroups")
    return None


def _is_met(pattern: str, name: str) -> bool | None:
    """Whether USER or USER@HOST meets a name; None where it does from some hosts."""
    user, found, where = pattern.partition("@")
    if not matches(user, name):
        return False
    return None if found and where.strip("*") else True
