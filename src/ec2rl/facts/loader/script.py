"""GRUB's scripts as trees of commands: grub.cfg is one (grub-core/script/{lexer,parser}, 2.12).

Nothing is executed here.  What the grammar of GRUB does not take is a ScriptError, and so is a
script that is larger or deeper than anybody's menu.
"""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Union

    Node = Union["Command", "If", "Loop", "Function"]
    Part = tuple[str, str]

MOST = 1 << 20
"""Characters: a menu of a thousand kernels has fewer."""
_TOKENS, _DEPTH = 200_000, 32

TEXT, VARIABLE, QUOTED = "text", "variable", "quoted"
"""Kinds of parts of a word: text, a variable that may be several words, one that is quoted."""


class ScriptError(ValueError):
    """A script that is none of GRUB's, or too large; the message says where."""


@record(frozen=True)
class Word:
    """A word, in parts; `line` is its number in the file, from 1.

    A `mark` is one of `;`, `{` and `}`; the end of a line is `;`.
    """

    parts: tuple[Part, ...]
    line: int
    mark: str = ""

    @property
    def plain(self) -> str:
        """Its text where it has no variable, "" where it has."""
        return "".join(text for kind, text in self.parts if kind == TEXT) * self.is_plain

    @property
    def is_plain(self) -> bool:
        return all(kind == TEXT for kind, _ in self.parts)


@record(frozen=True)
class Command:
    """A command with its words, and the block behind it, if it has one."""

    words: tuple[Word, ...]
    block: tuple[Node, ...] | None = None

    @property
    def line(self) -> int:
        return self.words[0].line


@record(frozen=True)
class If:
    """Conditions with what is done where they hold, in turn; the last may have none: `else`."""

    branches: tuple[tuple[tuple[Node, ...], tuple[Node, ...]], ...]


@record(frozen=True)
class Loop:
    """What is done any number of times."""

    body: tuple[Node, ...]


@record(frozen=True)
class Function:
    """What a name stands for."""

    name: str
    body: tuple[Node, ...]


def parse(text: str) -> tuple[Node, ...]:
    """Read a script; ScriptError."""
    if len(text) > MOST:
        raise ScriptError(f"more than {MOST >> 20} MiB")
    return _Parser(list(_words(text))).script()


_SPECIAL = frozenset("'\"\\$;{}#|&")


def _words(text: str) -> Iterator[Word]:
    """Take a script apart; lines without any special character, which most are, at once."""
    lines = text.replace("\r\n", "\n").split("\n")
    number = found = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if _SPECIAL.isdisjoint(line):
            words = [Word(((TEXT, word),), number) for word in line.split()]
        else:
            words, number = _special(lines, number)
        words.append(Word((), number, ";"))
        found += len(words)
        if found > _TOKENS:
            raise ScriptError(f"line {number}: more than {_TOKENS:,} words")
        yield from words


def _special(lines: list[str], number: int) -> tuple[list[Word], int]:
    """The words of a line, and of those that quotes or a backslash join to it."""
    reader = _Line(lines, number)
    while reader.goes_on():
        reader.step()
    reader.end()
    return reader.words, reader.number


class _Line:
    """A line that is taken apart by signs."""

    def __init__(self, lines: list[str], number: int) -> None:
        self.words: list[Word] = []
        self.number = number
        self._begun = number
        self._lines = lines
        self._line, self._at = lines[number - 1], 0
        self._parts: list[tuple[str, str]] = []
        self._quote, self._is_word, self._is_joined = "", False, False

    def goes_on(self) -> bool:
        """Whether there is more; what quotes or a backslash join to the line is part of it."""
        while self._at >= len(self._line):
            if not self._quote and not self._is_joined:
                return False
            if self.number >= len(self._lines):
                raise ScriptError(f"line {self._begun}: a quote without its end")
            if self._quote and not self._is_joined:
                self._parts.append((TEXT, "\n"))
            self._line, self._at, self._is_joined = self._lines[self.number], 0, False
            self.number += 1
        return True

    def end(self) -> None:
        """End the word, if there is one."""
        if self._is_word:
            self.words.append(Word(tuple(self._parts), self.number))
            self._parts, self._is_word = [], False

    def step(self) -> None:
        sign = self._line[self._at]
        self._at += 1
        if self._quote == "'":
            self._to_quote()
        elif sign == "\\":
            self._escaped()
        elif sign == "$":
            self._is_word = True
            name, self._at = _name(self._line, self._at)
            kind = QUOTED if self._quote else VARIABLE
            self._parts.append((kind, name) if name else (TEXT, "$"))
        elif self._quote:
            self._in_quotes(sign)
        else:
            self._bare(sign)

    def _to_quote(self) -> None:
        end = self._line.find("'", self._at - 1)
        is_closed = end >= 0
        end = end if is_closed else len(self._line)
        self._parts.append((TEXT, self._line[self._at - 1 : end]))
        self._at = end + is_closed
        self._quote = "" if is_closed else "'"

    def _escaped(self) -> None:
        follows = self._line[self._at : self._at + 1]
        if not follows:
            self._is_joined = True
        elif self._quote and follows not in '$"\\':
            self._parts.append((TEXT, "\\"))
        else:
            self._parts.append((TEXT, follows))
            self._is_word = True
            self._at += 1

    def _in_quotes(self, sign: str) -> None:
        if sign == self._quote:
            self._quote = ""
        else:
            self._parts.append((TEXT, sign))

    def _bare(self, sign: str) -> None:
        if sign in "'\"":
            self._quote, self._is_word = sign, True
            self._parts.append((TEXT, ""))
        elif sign in " \t\r\v\f":
            self.end()
        elif sign in ";|&":
            self.end()
            self.words.append(Word((), self.number, ";"))
        elif sign in "{}" and not self._is_word:
            self.words.append(Word((), self.number, sign))
        elif sign == "#" and not self._is_word:
            self._at = len(self._line)
        else:
            self._parts.append((TEXT, sign))
            self._is_word = True


def _name(line: str, at: int) -> tuple[str, int]:
    """The name of a variable behind `$`, and where it ends; "" for none."""
    if line[at : at + 1] == "{":
        close = line.find("}", at)
        return (line[at + 1 : close], close + 1) if close > 0 else ("", at)
    if line[at : at + 1] in ("?", "#", "*", "@"):
        return line[at], at + 1
    end = at
    while end < len(line) and (line[end].isalnum() or line[end] == "_"):
        end += 1
    return line[at:end], end


class _Parser:
    """Words to a tree, one after the other."""

    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._at = 0
        self._depth = 0

    def script(self) -> tuple[Node, ...]:
        found = self._block(())
        if self._at < len(self._words):
            raise ScriptError(f"line {self._words[self._at].line}: nothing is open that it ends")
        return found

    def _block(self, ends: tuple[str, ...]) -> tuple[Node, ...]:
        """Commands up to a keyword, or a brace, that ends them and is not taken."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise ScriptError(f"more than {_DEPTH} blocks in each other")
        found: list[Node] = []
        while self._at < len(self._words):
            word = self._words[self._at]
            if word.mark == ";":
                self._at += 1
            elif word.mark == "}" or (not word.mark and word.plain in _CLOSING):
                if not ends:
                    break
                if (word.mark or word.plain) not in ends:
                    raise ScriptError(f"line {word.line}: {word.mark or word.plain} is too early")
                break
            else:
                found.append(self._node(word))
        self._depth -= 1
        return tuple(found)

    def _node(self, word: Word) -> Node:
        name = word.plain if not word.mark else word.mark
        if name == "if":
            return self._if()
        if name in ("while", "until", "for"):
            return self._loop(word)
        if name == "function":
            self._at += 1
            of = self._words[self._at].plain if self._at < len(self._words) else ""
            self._at += 1
            return Function(of, self._braces(word))
        if name == "{":
            return Loop(self._braces(word))
        words: list[Word] = []
        while self._at < len(self._words) and self._words[self._at].mark not in (";", "}", "{"):
            words.append(self._words[self._at])
            self._at += 1
        is_block = self._at < len(self._words) and self._words[self._at].mark == "{"
        return Command(tuple(words), self._braces(word) if is_block else None)

    def _if(self) -> Node:
        branches: list[tuple[tuple[Node, ...], tuple[Node, ...]]] = []
        while True:
            word = self._words[self._at]
            self._at += 1
            if word.plain == "fi":
                return If(tuple(branches))
            test: tuple[Node, ...] = ()
            if word.plain != "else":
                test = self._block(("then",))
                self._take("then", word)
            body = self._block(("elif", "else", "fi"))
            branches.append((test, body))
            if self._at >= len(self._words):
                raise ScriptError(f"line {word.line}: an if without its fi")

    def _loop(self, word: Word) -> Node:
        self._at += 1
        test = self._block(("do",))
        self._take("do", word)
        body = self._block(("done",))
        self._take("done", word)
        return Loop((*test, *body) if word.plain != "for" else body)

    def _braces(self, word: Word) -> tuple[Node, ...]:
        while self._at < len(self._words) and self._words[self._at].mark == ";":
            self._at += 1
        self._take("{", word)
        body = self._block(("}",))
        self._take("}", word)
        return body

    def _take(self, name: str, begun: Word) -> None:
        word = self._words[self._at] if self._at < len(self._words) else None
        if word is None or (word.mark or word.plain) != name:
            raise ScriptError(f"line {begun.line}: a block without its {name}")
        self._at += 1


_CLOSING = ("then", "elif", "else", "fi", "do", "done")
