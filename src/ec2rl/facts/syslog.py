"""The kernel's lines of a text log, in whichever form it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ec2rl.facts.log import UNKNOWN_FORM, LogLine
from ec2rl.facts.trust import UNTIMED, Grade, grades
from ec2rl.forms.mend import (
    INSIDE,
    JOINED,
    apart,
    bare,
    indentation,
    margin,
    mended,
    plain,
    unquoted,
)
from ec2rl.forms.parse import kind_of, parse_record, pieces
from ec2rl.forms.record import KERNEL, Record
from ec2rl.forms.table import RELATIVE, Kind
from ec2rl.forms.times import epoch
from ec2rl.host import BEYOND, Line, Phrase
from ec2rl.record import record, replace

_DAY = 86400
_OTHER_FORM = "a line in another form than the text around it, as anybody could have added"
_PASSED_ON = "passed on by what wrote {around}"
_NAMED = "all before the process id in it may be a program's name, which any user chooses"
_MIDDLE = "it stands in the middle of another line"
_FAR_IN = "it stands as far in as the inside of another record"
_ODD = "not understood who said it, and when"
_QUOTED = 3

# journalctl puts what a program calls itself before its process id, whatever stands in it:
# `systemd-cat -t 'kernel: Kernel panic - x'` makes a line of `kernel: Kernel panic - x[4242]: `.
# Of the kernel's own it prints no process id.
_PID = r"\[\d{1,10}\]: "
_OF_JOURNAL = "/var/log/dmesg"
"""The form that looks like dmesg's, and is of journalctl: there each line has a name."""


@record(frozen=True)
class _Piece:
    """One record of a text, or what is left of one.

    `doubt` says why the form alone does not make it the kernel's; `cut` whether another begins
    before it has ended; `is_inside` whether it goes on with the record of another program above.
    """

    text: str
    hit: bool
    offset: int
    record: Record | None
    doubt: str = ""
    cut: bool = False
    is_inside: bool = False

    @property
    def kernels(self) -> Record | None:
        """The record, where the form shows no other writer than the kernel."""
        return self.record if self.record is not None and self.record.is_kernels else None


def hits_of(lines: Sequence[Line], phrases: Sequence[Phrase]) -> tuple[Line, ...]:
    """Give the same lines, those that hold one of these phrases as hits and no others."""
    words = _words(phrases)
    return tuple(replace(line, hit=any(word in line.text for word in words)) for line in lines)


def _words(phrases: Sequence[Phrase]) -> list[str]:
    return [phrase.text.decode() for phrase in phrases]


def parse_lines(
    path: str,
    lines: Sequence[Line],
    modified: float,
    booted: float | None,
    grade: Grade = Grade.UNVERIFIED,
    is_dmesg: bool = False,
    is_saved: bool = False,
    phrases: Sequence[Phrase] = (),
    is_cut: bool = False,
) -> list[LogLine]:
    """Parse the kernel's lines of one text log whose mtime is `modified` (seconds since the epoch).

    `grade` is what its lines are but for those that show that they are less.  Text of another form
    than its own (dmesg's or journalctl's) came in from elsewhere, and is hearsay; so is, in what
    somebody saved, a line in no form: left out it would be silence where there was none.  `phrases`
    are the words that a part of a line must hold to be a hit, where another one begins within it;
    `is_cut` means that the text ends within the last line.
    """
    words = _words(phrases)
    cut = _pieces(lines, words, is_saved)
    if is_cut:
        cut[-1:] = [replace(one, cut=True) for one in cut[-1:]]
    graded = _graded(cut, grade)
    has_names = any(one.record is not None and one.record.form == _OF_JOURNAL for one in cut)
    found: list[LogLine] = []
    doubts: dict[str, str] = {}
    # A stamp without a year is the latest that is no later than what stands below it in the file.
    latest = modified + _DAY
    for position in range(len(cut) - 1, -1, -1):
        piece, (told, doubt) = cut[position], graded[position]
        if not piece.hit or (grade is Grade.TEXT and piece.is_inside):
            continue
        kernels, text = piece.kernels, piece.text
        if kernels is not None:
            message, form = kernels.message, kernels.form
            if told in (Grade.TEXT, Grade.KERNEL):
                is_other = (kind_of(kernels) is Kind.RING) is not is_dmesg
                is_other = is_other or (has_names and form == "dmesg")
                other = _OTHER_FORM if is_other else ""
                weak = piece.doubt or (other if grade is Grade.TEXT else "")
                told, doubt = (Grade.UNVERIFIED, weak) if weak else (told, doubt)
        elif piece.record is None and is_saved:
            message, form = bare(text), UNKNOWN_FORM
            if any(one in text and one not in message for one in words):
                message = text
            if told is not Grade.FORGED:
                told, doubt = Grade.UNVERIFIED, _no_form(doubts, message, text)
        else:
            continue
        stamp = "" if kernels is None else kernels.stamp
        when = epoch(stamp, latest) if stamp else None
        if when is not None:
            latest = min(latest, when + _DAY)
        found.append(
            LogLine(
                message,
                (path,),
                when,
                None if kernels is None else kernels.up,
                None,
                None if when is None or booted is None else when >= booted - 2,
                told,
                1 if kernels is None else kernels.count,
                tuple(_behind(cut, position)),
                doubt,
                form=form,
                cut=piece.cut,
            )
        )
    return found[::-1]


def _behind(cut: Sequence[_Piece], position: int) -> list[str]:
    """What the kernel says behind a hit; other programs' lines may come between."""
    context: list[str] = []
    has_form = cut[position].record is not None
    for at in range(position + 1, len(cut)):  # a slice would be a copy of all the rest
        piece = cut[at]
        if piece.hit:
            break
        if piece.kernels is not None:
            context.append(piece.kernels.message)
        elif piece.record is None and not has_form:
            context.append(piece.text)
    return context


def _pieces(lines: Sequence[Line], words: Sequence[str], is_saved: bool) -> list[_Piece]:
    """The records of these lines, each on its own, as well as they can be told apart."""
    texts = [("", line.text, "") for line in lines]
    if is_saved:
        plains = [plain(line.text) for line in lines]
        width = len(margin(plains))
        texts = [apart(text[width:]) for text in plains]
    found: list[_Piece] = []
    inside = _Inside()
    for line, (around, text, behind) in zip(lines, texts):
        text, *beyond = text.split(BEYOND)
        is_joined, text = text.endswith(JOINED), text.removesuffix(JOINED)
        parsed = parse_record(text)
        is_inside, far_in = inside.look(line, text, parsed)
        found += _around(line, words, around)
        before = ""
        parts = pieces(text, parsed)
        if line.hit and words and not any(word in part for part in parts for word in words):
            parts, is_joined = (text,), True  # where it is cut is no edge
        for number, part in enumerate(parts, 1):
            hit = line.hit and (len(parts) == 1 or not words or any(map(part.__contains__, words)))
            parsed, is_last = parse_record(part), number == len(parts)
            doubt = _MIDDLE if before.strip() else _doubt(parsed) or far_in
            is_cut, is_first = is_joined or not is_last, not before
            found.append(
                _Piece(part, hit, line.offset, parsed, doubt, is_cut, is_inside and is_first)
            )
            before += part
        found += _around(line, words, behind, *beyond)
    return found


def _around(line: Line, words: Sequence[str], *texts: str) -> Iterator[_Piece]:
    """What stands around the records of a line, or beyond where it was cut, and holds the words."""
    for text in texts:
        if any(map(text.__contains__, words)):
            yield _Piece(text, line.hit, line.offset, None)


class _Inside:
    """Tells the further lines of a record from the first line of another.

    dmesg and journalctl put them below the message of the first.
    """

    def __init__(self) -> None:
        self._column: int | None = None
        self._is_anothers = False
        self._end = 0

    def look(self, line: Line, text: str, found: Record | None) -> tuple[bool, str]:
        """Whether a line goes on with the record above, and why it may have been added instead."""
        if line.offset > self._end + 2:
            self._column, self._is_anothers = len(INSIDE), False  # what stands above was not kept
        self._end = line.offset + len(line.text.encode())
        if not text.strip():
            return False, ""
        text = unquoted(text)
        column, far_in = indentation(text), text.startswith(INSIDE)
        if far_in and self._column is not None and column >= self._column:
            # dmesg puts what stands behind a line end in a message right below its beginning.
            is_its_own = found is None and column == self._column
            return self._is_anothers or is_its_own, _FAR_IN
        self._is_anothers = found is not None and not found.is_kernels
        self._column = None if found is None else max(len(INSIDE), len(text) - found.tail)
        return False, _FAR_IN if far_in else ""


def unfinished(lines: Sequence[str]) -> Iterator[str]:
    """Yield the last message that begins in the first of these lines, and what it may go on with.

    Nothing of another program's; in a line without a form a message may begin anywhere.
    """
    first, *others = map(mended, lines)
    last = pieces(first, parse_record(first))[-1]
    found = parse_record(last)
    if found is None:
        yield bare(last)
    elif found.is_kernels and not found.facility:
        yield found.message
    else:
        return
    for other in others:
        yield other
        if len(pieces(other, None)) > 1:
            return


def _doubt(found: Record | None) -> str:
    if found is None:
        return ""
    if found.passed_on:
        return _PASSED_ON.format(around=found.around)
    is_named = found.identifier == KERNEL or found.form == _OF_JOURNAL
    return _NAMED if is_named and re.search(_PID, found.message) else ""


def _graded(cut: Sequence[_Piece], grade: Grade) -> list[tuple[Grade, str]]:
    """The grade of each piece, and why it is in doubt, by facility and by the line above."""
    if grade is Grade.UNVERIFIED:  # only a facility could make less of it
        foreign = [one.kernels is not None and bool(one.kernels.facility) for one in cut]
        return [(Grade.FORGED if other else grade, "") for other in foreign]
    told: list[Line] = []
    stamp = ""
    for piece in cut:
        stamp = _stamp(piece, stamp)
        text = piece.text
        if piece.kernels is not None:
            facility = piece.kernels.facility
            priority = "" if facility is None else f"<{facility * 8}>"
            text = f"{priority}{stamp}{' ' * bool(stamp)}{piece.kernels.message}"
        told.append(Line(piece.offset, text, piece.hit))
    return grades(told, grade)


def _stamp(piece: _Piece, above: str) -> str:
    """The time of a piece as dmesg shows it, the same for what was said at the same time."""
    found = piece.kernels
    if found is None:
        return ""
    if found.up is not None:
        return f"[{found.up // 10**6:5}.{found.up % 10**6:06}]"
    if found.repeats:
        return above or "[  +0.000000]"
    if kind_of(found) is not Kind.RING:
        return ""
    if found.form in RELATIVE:  # how long it is after the line above, or since when others are
        return f"[{found.stamp or piece.offset:>8}.]"
    return f"[{found.stamp.replace(',', '.')[:26]}]" if found.stamp else UNTIMED


def _no_form(doubts: dict[str, str], message: str, text: str) -> str:
    """Why a line is in doubt, with a quotation for the first few that differ."""
    if message not in doubts and len(doubts) >= _QUOTED:
        return _ODD
    return doubts.setdefault(message, f"{_ODD}: {text[:160]}")
