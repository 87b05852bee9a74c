"""A recorded host, and how one is recorded: what tests and documents are written in, too.

The text is a title, then one section per look:

    The log cannot be read: room now says nothing about an hour ago, so not OK.
    -- clock --
    now=2026-11-24T02:00:00Z uptime=86400
    -- /proc/sys/net/netfilter/nf_conntrack_count --
    12
    -- /dev/kmsg --
    !denied needs CAP_SYSLOG

or that with `# ` before each line, which makes a comment of it for whoever else reads the file (a
tab in place of the space: there was a carriage return).

A body is the text that was read (a line that begins with `!`, `-- ` or `\\` has one `\\` before
it), or `!` and a reason of `Why` in one word, then words.  Other keys: `link PATH`, `inode PATH`,
`ls PATH` (without it, a folder holds what the other keys say), `journal` (lines of
`journalctl -o json`), `ethtool -S IF`, `conntrack -S`, `conntrack -L` (lines as those of
/proc/net/nf_conntrack); `netns FILE: KEY` from a network namespace; `later: KEY` after a pause;
`dmesg`, the text that dmesg(1) printed, and `console`, a console's.  A log file may say
`; modified=TIME`, `; gap=WORDS`, `; hits=N`, `; unpacked=N`, `; cut` (it ends within its last line)
and `; path=NAME`, a console `; end=ITS LAST LINES`, the journal
`; gap=WORDS`, `; hits=N`, `; oldest=MICROSECONDS` and `; newest=MICROSECONDS`, a saved table
`; entries=N` (how many it holds), `; modified=TIME`, `; gap=WORDS` and `; path=NAME`, any text
`; exact` (no newline is added to it).  `\\xNN` in a key, a note or a name stands for a byte that
would be taken for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from ec2rl.host import CONSOLES, DMESGS, KMSG, Clock, Door, Host, Journal, Phrase, Search
from ec2rl.host.caching import LATER
from ec2rl.host.encoding import decode_clock, decode_journal, decode_search, encode
from ec2rl.host.notes import escaped, unescaped
from ec2rl.host.query import decode_text
from ec2rl.model import Evidence, Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from ec2rl.host.caching import Observation
    from ec2rl.host.query import Query

    T = TypeVar("T")

PLAIN, RETURNED = "# ", "#\t"
"""How each line of a recording begins, and one that stood behind a carriage return."""


class CaseError(ValueError):
    """A case's text cannot be understood; the message names the line."""


def sections(text: str) -> tuple[str, dict[str, str]]:
    """Split a case into its title and its sections. CaseError when a key comes twice."""
    title: list[str] = []
    body = title
    found: dict[str, list[str]] = {}
    if text.startswith(PLAIN):
        text = _uncommented(text)
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("-- ") and line.endswith(" --"):
            key = line[3:-3].strip(" ")
            if key in found:
                raise CaseError(f"line {number}: a second section {key!r}")
            body = found[key] = []
        else:
            # The first line keeps its mark, for whoever wants to know whether a `!` is a reason.
            body.append(line.removeprefix("\\") if body else line)
    return "\n".join(title).strip(), {key: "\n".join(lines) for key, lines in found.items()}


def _uncommented(text: str) -> str:
    """The text of a case that was written with each line a comment. CaseError for other lines."""
    lines: list[str] = []
    whole = text.endswith("\n")  # else it is cut, and so is its last line
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        if line.startswith(RETURNED) and lines:
            lines[-1] += "\r" + line[2:]
        elif line.startswith(PLAIN) or line == "#":  # editors cut spaces off at the end
            lines.append(line[2:])
        else:
            raise CaseError(f"line {number}: it does not begin with {PLAIN!r}")
    return "\n".join(lines) + "\n" * whole


def case(memory: Mapping[str, Observation], expected: Sequence[str], options: str = "") -> str:
    """Write all observations as sections, and the verdicts as what a replay is to say.

    `options` are words about how was looked, for the replay to look alike.
    """
    parts = ["A recording; read it before you send it: it holds log lines and settings.\n"]
    if options:
        parts.append(f"-- options --\n{options}\n")
    for key, look in memory.items():
        name = key.removeprefix(LATER)
        # A searched file stands under its own name, unless it was read whole as well.
        if name.startswith("search ") and (plain := key.replace("search ", "", 1)) not in memory:
            key = plain
        parts.append(_section(key, look))
    parts.append("-- expect --\n" + "\n".join(map(_guarded, expected)) + "\n")
    return "".join(parts)


def inert(text: str) -> str:
    """Make each line of a text a comment, whoever reads it.

    It is inert for sh, cron, sudo, ld.so, sysctl and Python.

    A carriage return ends a line for some, so a line begins behind it too.  `sections` reads
    both.
    """
    lines = text.removesuffix("\n").replace("\n", f"\n{PLAIN}").replace("\r", f"\n{RETURNED}")
    return f"{PLAIN}{lines}\n"


def _guarded(line: str) -> str:
    """Mark a line that would be taken for a section, a reason or a mark."""
    return "\\" + line if line.startswith(("-- ", "!", "\\")) else line


def _section(key: str, look: Observation) -> str:
    if isinstance(look, Unreadable):
        reason = look.why.value.replace(" ", "-")
        body = f"!{reason} {' '.join(look.detail.splitlines())}".rstrip()
        return f"-- {escaped(key)} --\n{body}\n"
    text, notes = encode(look)
    told = [n if value is None else f"{n}={escaped(value)}" for n, value in notes.items()]
    body = "\n".join(map(_guarded, text.split("\n")))
    return f"-- {'; '.join([escaped(key), *told])} --\n{body}\n"


def _number(link: str) -> int | None:
    """The number in `net:[N]`."""
    digits = link[5:-1]
    return int(digits) if digits.isdecimal() and len(digits) <= 10 else None


class RecordedHost:
    """A host that knows what a case says; of everything else it says `missing`, and `detail`."""

    def __init__(
        self,
        looks: Mapping[str, str],
        name: str = "a case",
        prefix: str = "",
        missing: Why = Why.ABSENT,
        detail: str = "",
    ) -> None:
        self.name = name
        self._stands: int | None = None
        self._moved = False
        self._missing = missing
        self._detail = detail
        self._looks: dict[str, str] = {}
        self._notes: dict[str, dict[str, str]] = {}
        for key, body in looks.items():
            what, *notes = map(unescaped, key.split("; "))
            self._looks[what] = body
            self._notes[what] = dict(note.partition("=")[::2] for note in notes)
        self._prefix = prefix

    def _find(self, what: str) -> tuple[str, str | Unreadable]:
        """The section for a look, and its body; the newest that a pause has not replaced."""
        if self._moved:
            words = "another namespace stands there"
            return what, Unreadable(self._source(what), Why.ABSENT, words)
        prefix = self._prefix
        while True:
            key = prefix + what
            body = self._looks.get(key)
            if body is not None:
                break
            if not prefix.startswith(LATER):
                return key, Unreadable(self._source(what), self._missing, self._detail)
            prefix = prefix[len(LATER) :]
        if not body.startswith("!"):
            return key, body.removeprefix("\\")
        reason, _, detail = body[1:].strip(" \n").partition(" ")
        for why in Why:
            if why.value.replace(" ", "-") == reason:
                return key, Unreadable(self._source(what), why, detail)
        raise CaseError(f"{key}: no such reason {reason!r}")

    def keys(self) -> Set[str]:
        """Name what it was asked."""
        return self._looks.keys()

    @property
    def is_live(self) -> bool:
        _, ring = self._find(KMSG)
        return not (isinstance(ring, Unreadable) and ring.why is Why.NOT_COLLECTED)

    def clock(self) -> Clock:
        _, body = self._find("clock")
        return Clock(0.0, None) if isinstance(body, Unreadable) else decode_clock(body)

    def read(self, path: str) -> Evidence | Unreadable:
        key, body = self._find(path)
        if isinstance(body, Unreadable):
            return body
        return Evidence(self._source(path), decode_text(body, self._notes[key]))

    def read_own(self, path: str) -> Evidence | Unreadable:
        return self.read(path)

    def _source(self, what: str) -> str:
        for kind in ("ls ", "link ", "inode ", "search "):
            what = what.removeprefix(kind)
        return self._here() + what

    def _here(self) -> str:
        return self._prefix.removeprefix(LATER)

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        _, body = self._find(f"ls {path}")
        if isinstance(body, str):
            return tuple(sorted(map(unescaped, body.split("\n")))) if body.strip(" \n") else ()
        if f"{self._prefix}ls {path}" in self._looks:
            return body
        inside = path.rstrip("/") + "/"
        here = self._here()
        starts = tuple(f"{here}{kind}{inside}" for kind in ("", "link ", "inode "))
        found = {
            key.partition(inside)[2].split("/")[0] for key in self._looks if key.startswith(starts)
        }
        return tuple(sorted(found)) if found else body

    def link(self, path: str) -> str | Unreadable:
        _, body = self._find(f"link {path}")
        return body if isinstance(body, Unreadable) else unescaped(body.strip(" \n"))

    def inode(self, path: str) -> int | Unreadable:
        _, body = self._find(f"inode {path}")
        if isinstance(body, Unreadable) and path == "/proc/thread-self/ns/net":
            return body if self._moved or self._stands is None else self._stands
        return body if isinstance(body, Unreadable) else int(body)

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        is_saved = self._missing is Why.NOT_COLLECTED
        texts = [phrase for phrase in phrases if is_saved or not phrase.recent]
        kernels = (*DMESGS, *CONSOLES)
        return tuple(self._search(path, phrases if path in kernels else texts) for path in paths)

    def _search(self, path: str, phrases: Sequence[Phrase]) -> Search | Unreadable:
        # The same file may have been read whole as well: then its lines stand by themselves.
        key, body = self._find(f"search {path}")
        if key not in self._looks:
            key, body = self._find(path)
        if isinstance(body, Unreadable):
            return body
        return decode_search(path, body, self._notes[key], phrases, self.clock().now)

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        key, body = self._find("journal")
        if isinstance(body, Unreadable):
            return body
        return decode_journal(body, self._notes[key], phrases)

    def query(self, query: Query[T]) -> T | Unreadable:
        key, body = self._find(query.key)
        if isinstance(body, Unreadable):
            return body
        return query.decode(self._source(query.key), body, self._notes[key])

    def within(self, door: Door) -> Host:
        inside = self._seen_as(f"{self._prefix}netns {door.path}: ")
        # A case need not say twice where a door leads.
        link = self.link(door.path)
        known = (inside.inode("/proc/thread-self/ns/net"), self.inode(door.path))
        numbers = (known[0], None if isinstance(link, Unreadable) else _number(link), known[1])
        inside._stands = next((one for one in numbers if isinstance(one, int)), None)
        inside._moved = inside._stands is not None and door.inode not in (None, inside._stands)
        return inside

    def later(self, seconds: float) -> Host:
        return self._seen_as(LATER + self._prefix)

    def _seen_as(self, prefix: str) -> RecordedHost:
        other = RecordedHost({}, self.name, prefix, self._missing, self._detail)
        other._looks, other._notes = self._looks, self._notes
        return other
