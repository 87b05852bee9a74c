"""The stack of PAM that a service has: its lines with what they include, and what of it is missing.

pam.conf(5).  Where a file or a module of the `account` stack is missing, everybody is refused.
"""

from __future__ import annotations

from ec2rl.facts.pam_outcome import ACCOUNT, SESSION, outcome
from ec2rl.facts.ways import way_to
from ec2rl.host import Host
from ec2rl.model import Evidence, Statement, Unreadable, Why, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER, VENDOR = "/etc/pam.d", "/usr/lib/pam.d"
_LINES, _DEPTH, _FILES = 4096, 16, 256
_KINDS = ("auth", ACCOUNT, "password", SESSION)
_LIBRARIES = (
    *("/usr/lib/x86_64-linux-gnu/security", "/usr/lib/aarch64-linux-gnu/security"),
    *("/lib/x86_64-linux-gnu/security", "/lib/aarch64-linux-gnu/security"),
    *("/usr/lib64/security", "/lib64/security", "/usr/lib/security", "/lib/security"),
)


@record(frozen=True)
class PamLine:
    """A line of a stack, `account required pam_nologin.so`, and where it stands."""

    kind: str
    control: str
    module: str
    words: tuple[str, ...]
    path: str
    number: int
    may_be_missing: bool = False


@record(frozen=True)
class Stack:
    """The lines of a service, why it refuses everybody, what was not read, and not judged."""

    lines: tuple[PamLine, ...]
    missing: tuple[Statement, ...] = ()
    unread: tuple[Unreadable, ...] = ()
    doubts: tuple[Statement, ...] = ()

    def of(self, kind: str, module: str) -> PamLine | None:
        """Give the line of a kind that calls a module."""
        return next((x for x in self.lines if x.kind == kind and x.module == module), None)


def read_stack(host: Host, service: str = "sshd") -> Stack:
    """Read the stack of a service, and look whether the modules of `account` are there."""
    reader = _Reader(host)
    own = f"{FOLDER}/{service}"
    is_there = not isinstance(reader.file(service), Unreadable)
    reader.read(service if is_there else "other", "", 0)
    lines, missing, doubts = reader.lines, reader.missing, reader.doubts
    if not is_there and any(x.kind == ACCOUNT and x.module == "pam_deny.so" for x in lines):
        words = "{path} is missing, and {other} denies"
        missing.append(say(words, path=own, other=f"{FOLDER}/other"))
    missing += _missing_modules(host, lines, ACCOUNT)
    doubts += _missing_modules(host, lines, SESSION)
    if not missing and not reader.unread:
        for kind in (ACCOUNT, SESSION):
            found = outcome(lines, kind)
            missing += [found.refuses] if found.refuses is not None else []
            doubts += found.doubts
        if not any(line.kind == ACCOUNT for line in lines):
            words = "{path} has no account line: what {other} says counts, which was not judged"
            doubts.append(say(words, path=own, other=f"{FOLDER}/other"))
    return Stack(tuple(lines), tuple(missing), tuple(reader.unread), tuple(doubts))


def _missing_modules(host: Host, lines: Sequence[PamLine], kind: str) -> Iterator[Statement]:
    libraries = [one for one in _LIBRARIES if isinstance(host.names(one), tuple)]
    for line in lines:
        is_needed = line.kind == kind and line.control not in ("optional", "sufficient")
        if "module_unknown=ignore" in line.control or "default=ignore" in line.control:
            is_needed = is_needed and kind == ACCOUNT
        if is_needed and not line.may_be_missing and libraries:
            paths = [line.module] if line.module.startswith("/") else []
            paths = paths or [f"{one}/{line.module}" for one in libraries]
            if all(way_to(host, path).is_missing for path in paths):
                words = "{module}, which {path}:{n} calls, is missing"
                yield say(words, module=line.module, path=line.path, n=line.number)


class _Reader:
    """What has been read of a stack."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.lines: list[PamLine] = []
        self.missing: list[Statement] = []
        self.unread: list[Unreadable] = []
        self.doubts: list[Statement] = []
        self.open: list[str] = []
        self.files = 0

    def file(self, name: str) -> Evidence | Unreadable:
        """Read the file that a name means."""
        if name.startswith("/"):
            return self.host.read(name)
        found = self.host.read(f"{FOLDER}/{name}")
        if isinstance(found, Unreadable) and found.why is Why.ABSENT:
            other = self.host.read(f"{VENDOR}/{name}")
            return found if isinstance(other, Unreadable) else other
        return found

    def read(self, name: str, only: str, depth: int) -> None:
        """Read a file and what it includes; with `only`, lines of one kind alone."""
        path = name if name.startswith("/") else f"{FOLDER}/{name}"
        self.files += 1
        is_circle = path in self.open
        if is_circle or depth > _DEPTH or self.files > _FILES or len(self.lines) > _LINES:
            why = "it includes itself" if is_circle else "too many files"
            if not self.unread:
                self.unread.append(Unreadable(path, Why.PARTIAL, why))
            return
        found = self.file(name)
        if isinstance(found, Evidence):
            self.open.append(path)
            for number, line in enumerate(found.text.replace("\\\n", " ").split("\n"), 1):
                if self.files > _FILES or len(self.lines) > _LINES:
                    break
                self._line(path, number, line.partition("#")[0].split(), only, depth)
            self.open.pop()
        elif found.why is Why.ABSENT:
            self.missing.append(say("{path} is missing", path=path))
        else:
            self.unread.append(found)

    def _line(self, path: str, number: int, words: list[str], only: str, depth: int) -> None:
        if len(words) == 2 and words[0] == "@include":
            self.read(words[1], only, depth + 1)
            return
        kind = words[0].lstrip("-").lower() if words else ""
        end = 1
        if words[1:] and words[1].startswith("["):
            end = next((n for n, word in enumerate(words) if n and word.endswith("]")), len(words))
        control, rest = " ".join(words[1 : end + 1]), words[end + 1 :]
        if words and (not rest or kind not in _KINDS):
            if not self.doubts:
                said = "line {n} of {path} is not understood, and was not judged"
                self.doubts.append(say(said, n=number, path=path))
            return
        if not rest or (only and kind != only):
            return
        if control in ("include", "substack"):
            self.read(rest[0], kind, depth + 1)
            return
        optional = words[0].startswith("-")
        self.lines.append(PamLine(kind, control, rest[0], tuple(rest[1:]), path, number, optional))
