"""A text in which somebody put what several programs printed: its parts, each a text of its own.

People paste a session with its prompts, write outputs one below the other into a file, quote them
in a mail.  What a program prints in a form of its own is taken out; what is left is the log, with a
blank line for each line that is no more of it.
"""

from __future__ import annotations

import re

from ec2rl.evidence.hosts import by_host, names_hosts
from ec2rl.evidence.kinds import CLEAR_SETTING, UNKNOWN, Kind, Use, log_kind, printed_kind, rows
from ec2rl.host.bare import QUOTE, bare, has_heading, has_prompt, prompt
from ec2rl.host.saved import BLANK
from ec2rl.host.sos_layout import SETTINGS, settings
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SPLIT = ("dmesg", "syslog", UNKNOWN.name)
"""Logs in which something else may stand; a console is shown whole, and JSON is of one program."""
_TAKEN = (Use.TEXT, Use.SETTINGS, Use.STREAM, Use.RELEASE, Use.NOTHING)
_DMESG = Kind("dmesg", Use.LOG)
SOME = Kind("dmesg, of which its command printed a part", Use.LOG)
_FILTERED = rb"dmesg\b.*(?:\|| -[lf]\b| --level| --facility| --since| --until)"
_MOST = 200
"""Parts of one text."""
_FILES = rb"/etc/|/usr/|/run/|\.conf\b"
_STAMP = (
    rb"\[ *\d{1,9}\.\d{6}\]|\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] |\d{4}-\d\d-\d\dT[\d:]{8},\d{6}"
)
_FENCE = rb"\s*(?:```[^\n]*)?$"
_COMMENT = rb"[#;]"
_VALUE = rb"/proc/sys/\S+: |[a-z][\w./-]+ = "


@record(frozen=True)
class Part:
    """What one program printed: `lines` are the first and the last, counted from 1.

    `host` is the one that the prompts name, "" where none does.
    """

    kind: Kind
    text: bytes
    lines: tuple[int, int]
    host: str = ""


@record(frozen=True)
class _Block:
    """Lines of one form: the place of each, and behind which prompt."""

    kind: Kind
    at: tuple[int, ...]
    section: int


def may_have_parts(kind: Kind, text: bytes) -> bool:
    """Tell whether a text may be of several programs, at the cost of a search."""
    if kind.use is not Use.LOG:
        return kind.use in _TAKEN
    begins = b"|".join(row.first or row.line for row in rows() if row.line)
    pattern = rb"(?m)^(?:%s)?(?:%s)" % (QUOTE, begins)
    if names_hosts(text) or has_heading(text):
        return True
    is_split = kind.name in _SPLIT or _asks_dmesg(text)
    return is_split and (re.search(pattern, text) is not None or has_prompt(text))


def _asks_dmesg(text: bytes) -> bool:
    """Whether somebody typed dmesg at a prompt: each of its outputs begins where the boot did."""
    asked = (prompt(line) for line in re.findall(rb"(?m)^.*dmesg.*$", text))
    return any(one is not None and one[1].startswith(b"dmesg") for one in asked)


def parts_of(kind: Kind, text: bytes) -> list[Part]:
    """Give the parts of a text (`plain`) in their order.

    [] where it is all of the one kind that it was taken for, whatever words stand around that.
    """
    lines = text.split(b"\n")
    hosts = by_host(lines) if names_hosts(text) else {}
    if 0 < len(hosts) <= _MOST:
        return [_of_host(host, its) for host, its in hosts.items()]
    reader = _Reader(lines)
    reader.read()
    found = [*reader.printed(), *reader.logs()]
    known = [part.kind for part in found if part.kind is not UNKNOWN]
    is_spoilt = kind.use is Use.LOG and reader.has_prompts
    is_lost = kind.use not in (Use.LOG, Use.NOTHING) and kind not in known
    if len(found) > _MOST or not known or is_lost or (known == [kind] and not is_spoilt):
        return []
    return sorted(found, key=lambda part: part.lines)


def _of_host(host: str, lines: Mapping[int, bytes]) -> Part:
    """What one of many hosts said, with a blank line for each of another's."""
    places = [*lines]
    span = range(places[0], places[-1] + 1)
    text = b"".join(lines.get(at, b"") + b"\n" for at in span)
    return Part(log_kind(text), text, _span(places), host)


class _Reader:
    """Reads a text line by line: prompts, and runs of lines that have one form."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self._rows = [row for row in rows() if row.line]
        self._run: list[int] = []
        self._form = b""
        self._blocks: list[_Block] = []
        self._taken: set[int] = set()
        self._sections: list[list[int]] = [[]]
        """The places of the lines behind each prompt; those in front of the first one stand first.
        """
        self._hosts = [""]
        self._is_of_file = False
        self._filtered: dict[str, bool] = {}
        """Whether each dmesg of a host printed a part of it."""

    @property
    def has_prompts(self) -> bool:
        return len(self._sections) > 1

    def read(self) -> None:
        """Find all blocks."""
        value = -1
        for at, raw in enumerate(self._lines):
            line = re.sub(b"^(?:" + QUOTE + b")", b"", raw)
            asked = None if at == value else prompt(line)
            if asked is not None:
                self._ask(at, *asked)
            self._sections[-1].append(at)
            if at == value:
                continue
            if self._names_next(at, line, asked is not None):
                value = at + 1
                self._take(_VALUE, at, value)
            elif re.match(_FENCE, line):
                self._taken.add(at)
            elif asked is None and not self._is_of_file:
                self._add(at, line)
        self._end()
        known = {*self._hosts} - {""}
        if len(known) == 1:
            self._hosts = [*known] * len(self._hosts)
            is_part = bool(self._filtered) and all(self._filtered.values())
            self._filtered = {self._hosts[0]: is_part}

    def _ask(self, at: int, host: str, command: bytes) -> None:
        """Begin what stands behind a prompt; what a file would set is not what is in force."""
        self._end()
        self._taken.add(at)
        self._sections.append([])
        self._hosts.append(host or self._hosts[-1])
        if re.match(rb"dmesg\b", command):
            is_part = re.match(_FILTERED, command) is not None
            host = self._hosts[-1]
            self._filtered[host] = self._filtered.get(host, True) and is_part
        is_sysctl = re.match(rb"sysctl\b", command) is not None
        self._is_of_file = not is_sysctl and re.search(_FILES, command) is not None

    def _names_next(self, at: int, line: bytes, is_prompt: bool) -> bool:
        """Whether a line names what the next one is the value of."""
        if at + 1 == len(self._lines) or not (is_prompt or line.startswith(b"==> ")):
            return False
        pair, alone = self._text((at, at + 1)).strip(), self._text((at + 1,)).strip()
        return pair != alone and b"\n" not in pair and re.match(_VALUE, pair) is not None

    def _add(self, at: int, line: bytes) -> None:
        is_comment = self._form == CLEAR_SETTING and re.match(_COMMENT, line)
        if is_comment or (self._form and re.match(self._form, line)):
            self._run.append(at)
            return
        forms = (row.line for row in self._rows if re.match(row.first or row.line, line))
        if form := next(forms, b""):
            above = self._comments(at) if form == CLEAR_SETTING else ()
            self._take(form, *above, at)
        else:
            self._end()

    def _take(self, form: bytes, *at: int) -> None:
        """Add lines of this form to those before them, or begin with them."""
        if form != self._form:
            self._end()
            self._form = form
        self._run += at

    def _comments(self, at: int) -> Iterator[int]:
        """The comments right above a line: what has them is a file, and not printed."""
        first = at
        while first and re.match(_COMMENT, self._lines[first - 1]):
            first -= 1
        return (one for one in range(first, at) if one not in self._taken)

    def _end(self) -> None:
        run, self._run, self._form = tuple(self._run), [], b""
        kind = printed_kind(self._text(run)) if run else None
        if kind is not None and kind.use in _TAKEN:
            self._blocks.append(_Block(kind, run, len(self._sections) - 1))
            self._taken.update(run)

    def _text(self, at: Iterable[int]) -> bytes:
        return bare(b"".join(self._lines[place] + b"\n" for place in at))

    def printed(self) -> Iterator[Part]:
        """Give what is no log: of what was printed twice the last, and of settings each one's."""
        by_kind: dict[tuple[str, Kind], list[_Block]] = {}
        for block in self._blocks:
            by_kind.setdefault((self._hosts[block.section], block.kind), []).append(block)
        for (host, kind), blocks in by_kind.items():
            if kind.use is Use.SETTINGS:
                text = self._values(blocks)
                yield Part(kind, text, _span([at for one in blocks for at in one.at]), host)
                continue
            last = [one for one in blocks if one.section == blocks[-1].section]
            places = [at for one in last for at in one.at]
            yield Part(kind, self._text(places), _span(places), host)
            for one in blocks[: len(blocks) - len(last)]:
                words = f"{kind.name}, and line {places[0] + 1} has a later one"
                yield Part(Kind(words, Use.NOTHING), self._text(one.at), _span(one.at), host)

    def _values(self, blocks: Iterable[_Block]) -> bytes:
        """The text of settings, each with the last value that it had."""
        known: dict[str, str] = {}
        for block in blocks:
            text = self._text(block.at).decode("utf-8", "backslashreplace")
            known.update(settings(text, SETTINGS))
        lines = ((path, line) for path, said in known.items() for line in said[:-1].split("\n"))
        return "".join(f"{path}: {line}\n" for path, line in lines).encode()

    def logs(self) -> Iterator[Part]:
        """Give what is left: of each host a ring buffer, with what nobody knows, and other logs."""
        rings: dict[str, list[int]] = {}
        unknown: dict[str, list[int]] = {}
        shown: dict[str, set[bytes]] = {}
        for section, all_ in enumerate(self._sections):
            left = [at for at in all_ if at not in self._taken and self._lines[at].strip(BLANK)]
            # `dmesg | head` behind a dmesg shows records again: each has a stamp of its own.
            known = shown.setdefault(self._hosts[section], set())
            fresh = [at for at in left if self._lines[at] not in known]
            known.update(line for at in fresh if re.match(_STAMP, line := self._lines[at]))
            left = fresh
            if not left:
                continue
            kind, host = log_kind(self._left(left)), self._hosts[section]
            if kind is UNKNOWN or kind.name == "dmesg":
                places = unknown if kind is UNKNOWN else rings
                places.setdefault(host, []).extend(left)
            else:
                yield Part(kind, self._left(left), _span(left), host)
        for host, left in rings.items():
            left = sorted((*left, *unknown.pop(host, ())))
            kind = SOME if self._filtered.get(host) else _DMESG
            yield Part(kind, self._left(left), _span(left), host)
        for host, left in unknown.items():
            yield Part(UNKNOWN, self._left(left), _span(left), host)

    def _left(self, places: Sequence[int]) -> bytes:
        """Lines as they stand, and a blank one for each between them that is of something else."""
        known = {*places}
        span = range(places[0], places[-1] + 1)
        return b"".join((self._lines[at] if at in known else b"") + b"\n" for at in span)


def _span(places: Sequence[int]) -> tuple[int, int]:
    return places[0] + 1, places[-1] + 1
