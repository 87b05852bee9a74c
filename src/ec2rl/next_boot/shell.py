"""Take a line of a start-up script apart into simple commands, without running any of it.

Quoting, operators and redirections are those of POSIX.1-2017 (Shell Command Language, 2.2 to 2.9).
A name whose value is known is replaced; `$(...)` and `` `...` `` are not, their commands come, too.
With `operators` off the words are those of a unit's Exec line, where systemd knows no shell:
there `;` between words begins another command (systemd.service(5), COMMAND LINES).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ec2rl.record import record

MAX_DEPTH = 4
"""Commands inside commands that are looked at."""

_OPERATORS = ("<<<", "&>>", "<<-", "&&", "||", ";;", ">>", ">|", ">&", "<&", "&>", "<<", "<>")
_WRITES = (">", ">>", ">|", "&>", "&>>")
_READS = ("<", "<<", "<<-", "<<<", "<>", ">&", "<&")
_RESERVED = ("if", "then", "elif", "else", "do", "while", "until", "!", "{", "}", "time")


@record(frozen=True)
class Word:
    """A word without its quotes; `plain` if a shell would take it as it stands.

    `holds_commands` if a part of it is what commands inside print.
    """

    text: str
    plain: bool = True
    holds_commands: bool = False


@record(frozen=True)
class Command:
    """A simple command: its words, the files that it writes, and the command that feeds it."""

    words: tuple[Word, ...]
    outputs: tuple[Word, ...] = ()
    fed_by: Command | None = None


def commands(
    line: str, variables: Mapping[str, str], operators: bool = True, depth: int = 0
) -> Iterator[Command]:
    """Yield the simple commands of a line, those inside `$(...)` as well."""
    if depth > MAX_DEPTH:
        return
    scan = _Scan(line, variables, operators)
    yield from _commands(scan.tokens())
    for inside in scan.nested:
        yield from commands(inside, variables, operators, depth + 1)


def _commands(tokens: Iterator[Word | str]) -> Iterator[Command]:
    words: list[Word] = []
    outputs: list[Word] = []
    fed_by: Command | None = None
    target: list[Word] | None = None
    for token in tokens:
        if isinstance(token, Word):
            if target is not None:
                target.append(token)
                target = None
            elif words or token.text not in _RESERVED:
                words.append(token)
        elif token in _WRITES:
            target = outputs
        elif token in _READS:
            target = []
        else:
            if words or outputs:
                yield Command(tuple(words), tuple(outputs), fed_by)
            fed_by = Command(tuple(words)) if token == "|" else None  # noqa: S105
            words, outputs, target = [], [], None
    if words or outputs:
        yield Command(tuple(words), tuple(outputs), fed_by)


class _Scan:
    """One pass over a line; `nested` are the texts of the commands inside words."""

    def __init__(self, line: str, variables: Mapping[str, str], operators: bool) -> None:
        self.nested: list[str] = []
        self._line, self._variables, self._operators = line, variables, operators
        self._at = 0
        self._text: list[str] = []
        self._started = False
        self._plain = True
        self._inside = 0

    def tokens(self) -> Iterator[Word | str]:
        line = self._line
        while self._at < len(line):
            sign = line[self._at]
            if sign in " \t\r\n\v\f":
                yield from self._word()
                self._at += 1
            elif sign == "#" and not self._started and self._operators:
                break
            elif sign in ";|&()<>" and self._operators:
                if sign in "<>" and "".join(self._text).isdecimal():
                    self._text, self._started = [], False  # the number of a descriptor
                yield from self._word()
                yield self._operator()
            else:
                self._part(sign)
        yield from self._word()

    def _word(self) -> Iterator[Word | str]:
        if self._started:
            holds = len(self.nested) > self._inside
            word = Word("".join(self._text), self._plain, holds)
            yield ";" if word.text == ";" and not self._operators else word
        self._text, self._started, self._plain = [], False, True
        self._inside = len(self.nested)

    def _operator(self) -> str:
        found = next((one for one in _OPERATORS if self._line.startswith(one, self._at)), "")
        found = found or self._line[self._at]
        self._at += len(found)
        return found

    def _part(self, sign: str) -> None:
        """Take the next part of a word: what is quoted or replaced as one, else a character."""
        self._started = True
        if sign == "'":
            self._text.append(self._until("'"))
        elif sign == '"':
            self._quoted()
        elif sign == "\\":
            self._text.append(self._line[self._at + 1 : self._at + 2])
            self._at += 2
        elif sign in "$`":
            self._replaced(sign)
        else:
            self._text.append(sign)
            self._at += 1

    def _quoted(self) -> None:
        line = self._line
        self._at += 1
        while self._at < len(line) and line[self._at] != '"':
            sign = line[self._at]
            if sign == "\\" and line[self._at + 1 : self._at + 2] in tuple('$`"\\'):
                self._text.append(line[self._at + 1])
                self._at += 2
            elif sign in "$`":
                self._replaced(sign)
            else:
                self._text.append(sign)
                self._at += 1
        self._at += 1

    def _until(self, end: str) -> str:
        """What stands between here and the next `end`; the scan goes on behind that."""
        start = self._at + 1
        stop = self._line.find(end, start)
        stop = stop if stop >= 0 else len(self._line)
        self._at = stop + 1
        return self._line[start:stop]

    def _replaced(self, sign: str) -> None:
        line, start = self._line, self._at
        name = ""
        if sign == "`":
            self.nested.append(self._until("`"))
        elif line.startswith("$(", start):
            self.nested.append(self._parenthesized())
        elif line.startswith("${", start):
            self._at += 1
            name = self._until("}")
        else:
            self._at += 1
            while self._at < len(line) and (line[self._at].isalnum() or line[self._at] == "_"):
                self._at += 1
            name = line[start + 1 : self._at]
            if not name and line[self._at : self._at + 1] in tuple("@*#?$!-"):
                self._at += 1
        known = self._variables.get(name) if name else None
        self._text.append(line[start : self._at] if known is None else known)
        told = known is not None and "$" not in known
        self._plain &= told or self._at == start + 1

    def _parenthesized(self) -> str:
        line, start, depth = self._line, self._at + 2, 1
        at = start
        while at < len(line) and depth:
            depth += (line[at] == "(") - (line[at] == ")")
            at += 1
        self._at = at
        return line[start : at - 1 if not depth else at]
