"""The whole configuration of sshd: its file, what that includes, and what sshd refuses of it.

sshd_config(5), servconf.c.  The first value of a keyword wins, that of a Match block that applies
before that of the rest; what is in a block is read in any case.
"""

from __future__ import annotations

from ec2rl.facts.ssh.keywords import Keyword, keyword, odd_algorithms
from ec2rl.facts.ssh.values import fault
from ec2rl.facts.ssh.words import split
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    Criteria = tuple[tuple[str, str], ...]
    Matches = tuple[Criteria, ...]
    Version = tuple[int, int]

_ALL = (("all", ""),)
MAIN = "/etc/ssh/sshd_config"
VENDOR = "/usr/etc/ssh/sshd_config"
"""Where some distributions have it when there is none in /etc."""
_BLANK = " \t\r\n"
_DEPTH = 16  # SERVCONF_MAX_DEPTH
_FILES = 256
_LINES = 20_000
_LONGEST = 64 << 10


@record(frozen=True)
class Line:
    """A line that sets something, where it stands, and below which Match.

    `match` are the criteria of each Match that it is below, a tuple of pairs each; () for none.
    `text` is the line as it is in the file.
    """

    name: str
    words: tuple[str, ...]
    rest: str
    path: str
    number: int
    text: str
    match: Matches = ()

    @property
    def is_for_all(self) -> bool:
        """Whether it is below no Match but `Match all`."""
        return all(criteria == _ALL for criteria in self.match)


@record(frozen=True)
class Fault:
    """What sshd refuses: it does not start with it.  `line` is as it is in the file.

    Where only some refuse it, `word` is the keyword that others know, `gone` the first version
    that no longer has an algorithm.
    """

    path: str
    number: int
    line: str
    why: str
    word: str = ""
    gone: Version | None = None

    @property
    def is_sure(self) -> bool:
        """Whether every sshd refuses it."""
        return not self.word and self.gone is None

    def is_of(self, version: Version, words: Container[str]) -> bool:
        """Whether an sshd of this version, which knows these keywords, refuses it."""
        if self.word:
            return self.word not in words
        return self.gone is None or version >= self.gone


@record(frozen=True)
class Config:
    """What sshd reads of its files: lines in their order, what it refuses, what was not read."""

    lines: tuple[Line, ...]
    faults: tuple[Fault, ...] = ()
    unread: tuple[Unreadable, ...] = ()
    files: tuple[str, ...] = ()
    deprecated: tuple[Line, ...] = ()

    def values(self, name: str) -> Iterator[Line]:
        """Give the lines of a keyword that are for all."""
        return (line for line in self.lines if line.name == name and line.is_for_all)

    def first(self, name: str, default: str = "") -> str:
        """Give the value of a keyword for all, in small letters."""
        return next((line.words[0].lower() for line in self.values(name) if line.words), default)


def read_config(host: Host) -> Config | Unreadable:
    """Read sshd's configuration; Unreadable where its main file cannot be read."""
    main = host.read(MAIN)
    path = MAIN
    if isinstance(main, Unreadable) and main.why is Why.ABSENT:
        other = host.read(VENDOR)
        if isinstance(other, Evidence):
            main, path = other, VENDOR
    if isinstance(main, Unreadable):
        return main
    reader = _Reader(host)
    reader.read(path, main.text, (), 0)
    config = Config(
        tuple(reader.lines),
        tuple(reader.faults),
        tuple(reader.unread),
        tuple(reader.files),
        tuple(reader.deprecated),
    )
    return replace(config, faults=(*config.faults, *_of_the_whole(config)))


_METHODS = {
    "publickey": ("pubkeyauthentication", "dsaauthentication"),
    "password": ("passwordauthentication",),
    "keyboard-interactive": (
        *("kbdinteractiveauthentication", "challengeresponseauthentication"),
        "skeyauthentication",
    ),
    "hostbased": ("hostbasedauthentication",),
    "gssapi-with-mic": ("gssapiauthentication",),
}
"""By which keyword, and its older names, each method of authentication is on or off."""


def is_on(config: Config, method: str) -> bool:
    """Whether a method of authentication is on for all."""
    found = [line for name in _METHODS.get(method, ()) for line in config.values(name)]
    default = method not in ("hostbased", "gssapi-with-mic")
    first = min(found, key=config.lines.index) if found else None
    return default if first is None else first.words[0].lower() == "yes"


def _of_the_whole(config: Config) -> Iterator[Fault]:
    """Tell what sshd refuses when it has read all (main() in sshd.c)."""
    methods = next(config.values("authenticationmethods"), None)
    if methods is not None and methods.words[0] != "any":
        wanted = [[one.partition(":")[0] for one in word.split(",")] for word in methods.words]
        if not any(all(is_on(config, one) for one in names) for names in wanted):
            why = "AuthenticationMethods cannot be satisfied by methods that are on"
            yield Fault(methods.path, methods.number, methods.text, why)
    for name in ("authorizedkeyscommand", "authorizedprincipalscommand"):
        command, user = next(config.values(name), None), config.first(f"{name}user", "none")
        if command is not None and command.words[0].lower() != "none" and user == "none":
            why = f"{command.text.split()[0]} without a user"
            yield Fault(command.path, command.number, command.text, why)


class _Reader:
    """What has been read so far."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.lines: list[Line] = []
        self.faults: list[Fault] = []
        self.unread: list[Unreadable] = []
        self.files: list[str] = []
        self.deprecated: list[Line] = []
        self._count = 0

    def read(self, path: str, text: str, match: Matches, depth: int) -> None:
        """Read one file, below the Match that includes it."""
        self.files.append(path)
        here = match
        for number, line in enumerate(text.split("\n"), 1):
            self._count += 1
            if self._count > _LINES or len(line) > _LONGEST:
                self.unread.append(Unreadable(path, Why.PARTIAL, "too many lines, or too long"))
                return
            stripped = line.rstrip(_BLANK + "\f").lstrip(_BLANK)
            if stripped and not stripped.startswith("#"):
                here = self._line(path, number, line, here, match, depth)

    def _line(
        self,
        path: str,
        number: int,
        line: str,
        here: Matches,
        outer: Matches,
        depth: int,
    ) -> Matches:
        """Read a line; give the Match that what follows is below."""
        name, rest = _keyword(line)

        def refused(why: str) -> None:
            self.faults.append(Fault(path, number, line.removesuffix("\r"), why))

        known = keyword(name.lower())
        words = split(rest)
        if known is None:
            refused(f"no option is called {name}")
            return here
        if words is None:
            refused("invalid quotes")
            return here
        if not rest.strip():
            refused(f"no argument behind {name}")
            return here
        is_below = any(criteria != _ALL for criteria in here)
        if is_below and not known.in_match:
            refused(f"{name} is not allowed within a Match block")
            return here
        made = Line(name.lower(), tuple(words), rest, path, number, line.removesuffix("\r"), here)
        if known.kind == "match":
            criteria = _criteria(words)
            if criteria is None:
                refused("bad Match condition")
                return here
            return (*outer, criteria)
        if known.kind == "include":
            self.faults += _by_version(made, known)
            self._include(made, depth)
            return here
        why = fault(known, name.lower(), words, rest)
        if why:
            refused(why)
            return here
        self.faults += _by_version(made, known)
        (self.deprecated if known.kind == "deprecated" else self.lines).append(made)
        return here

    def _include(self, line: Line, depth: int) -> None:
        """Read what an Include names, in the order of glob(3); what is not there is passed over."""
        if depth >= _DEPTH:
            why = "too many files include each other"
            self.faults.append(Fault(line.path, line.number, line.text, why))
            return
        for pattern in line.words:
            if not pattern:
                continue
            if not pattern.startswith("/"):
                pattern = f"/etc/ssh/{pattern}"
            for path in self._met(pattern):
                if len(self.files) >= _FILES:
                    self.unread.append(Unreadable(path, Why.PARTIAL, "too many files"))
                    return
                found = self.host.read(path)
                if isinstance(found, Evidence):
                    self.read(path, found.text, line.match, depth + 1)
                elif found.why is not Why.ABSENT:
                    self.unread.append(found)

    def _met(self, pattern: str) -> list[str]:
        """Give the paths that a pattern meets, a name at a time; those with a dot only by one."""
        if not any(sign in pattern for sign in "*?["):
            return [pattern]
        from ec2rl.facts.glob import matches

        found = [""]
        for part in pattern.strip("/").split("/"):
            if not any(sign in part for sign in "*?["):
                found = [f"{folder}/{part}" for folder in found]
                continue
            met = []
            for folder in found:
                names = self.host.names(folder or "/")
                if isinstance(names, Unreadable):
                    if names.why is not Why.ABSENT:
                        self.unread.append(names)
                    continue
                hidden = part.startswith(".")
                met += [
                    f"{folder}/{name}"
                    for name in sorted(names)
                    if (hidden or not name.startswith(".")) and matches(part, name)
                ]
            found = met[:_FILES]
        return found


def _keyword(line: str) -> tuple[str, str]:
    """Part a line's keyword from the rest, by blanks and one `=` (strdelim() in misc.c)."""
    line = line.rstrip(_BLANK + "\f").lstrip(_BLANK)
    if line.startswith('"'):
        name, _, rest = line[1:].partition('"')
        return name, rest.strip(_BLANK)
    at = next((n for n, sign in enumerate(line) if sign in _BLANK or sign in '="'), len(line))
    name, rest = line[:at], line[at:]
    if rest.startswith('"'):
        return name, rest
    had = rest.startswith("=")
    rest = rest[1:].lstrip(_BLANK) if rest else rest
    if not had and rest.startswith("="):
        rest = rest[1:].lstrip(_BLANK)
    return name, rest


def _by_version(line: Line, known: Keyword) -> Iterator[Fault]:
    """Tell what of a line only some versions, or builds, of sshd refuse."""
    place = line.path, line.number, line.text
    shown = line.text.split()[0]
    if known.is_rare:
        yield Fault(*place, f"no option is called {shown}", word=line.name)
    if known.kind in ("ciphers", "macs", "kex", "keys"):
        for name, gone in odd_algorithms(line.words[0]):
            why = f"no algorithm is called {name}"
            yield Fault(*place, why, gone=gone)


_CRITERIA = ("user", "group", "host", "address", "localaddress", "localport", "rdomain")
_LATER = ("invalid-user", "version")


def _criteria(words: list[str]) -> Criteria | None:
    """Part the criteria of a Match; None for what sshd takes for none."""
    found: list[tuple[str, str]] = []
    rest = list(words)
    while rest:
        name = rest.pop(0)
        name, equals, value = name.partition("=")
        name = name.lower()
        if name in ("all", "invalid-user") and not equals:
            if name == "all" and (found or rest):
                return None
            found.append((name, ""))
            continue
        if not equals:
            if not rest or not rest[0]:
                return None
            value = rest.pop(0)
        is_port = name != "localport" or (value.isdigit() and 0 < int(value) < 1 << 16)
        if name not in (*_CRITERIA, *_LATER) or not is_port:
            return None
        found.append((name, value))
    return tuple(found) if found else None
