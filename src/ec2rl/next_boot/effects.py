"""What a command of a start-up script does to the keys below /proc/sys, and what it cannot do.

sysctl(8) of procps 4.0.2 and of BusyBox 1.36 write what `KEY=VALUE` says, with `-w` or without;
`-p`, `-f` and `--load` apply files, /etc/sysctl.conf where none is named, `--system` all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ec2rl.facts.sysctl_conf import SYSCTL_CONF
from ec2rl.next_boot.paths import SYS
from ec2rl.next_boot.shell import MAX_DEPTH, Command, Word, commands
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Effect = Union["Write", "Load", "Run", "NoShell"]

_SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh", "su", "runuser", "eval")
_HARMLESS = (
    *("[", "[[", "test", "echo", "printf", "cat", "grep", "egrep", "fgrep", "head", "tail", "ls"),
    *("stat", "logger", "for", "case", "modprobe", "which", "type", "awk", "cut", "wc"),
)
"""Programs that write nothing to a file that they are given."""

_FORMATS = ("%s", "%d", "%s\\n", "%d\\n")


@record(frozen=True)
class Write:
    """A value for a key, which is a path below /proc/sys or dotted; None where it is not told.

    `plain` is whether the key is told; where it is not, it holds what a shell would replace.
    """

    key: str
    plain: bool
    value: str | None


@record(frozen=True)
class Load:
    """Files that are applied as sysctl.conf(5) says; none for all, as `sysctl --system`."""

    files: tuple[str, ...]


@record(frozen=True)
class Run:
    """A file that is run."""

    path: str


@record(frozen=True)
class NoShell:
    """A redirection or a pipe in a line that no shell reads: it does nothing."""

    key: str


def effects(
    line: str, variables: Mapping[str, str], shell: bool = True, depth: int = 0
) -> Iterator[Effect]:
    """Yield what a line does; with `shell` off it is a command of a unit or of udev."""
    if depth > MAX_DEPTH:
        return
    for command in commands(line, variables, shell):
        for output in command.outputs:
            yield from _written(output, _echoed(command))
        yield from _command(command, variables, shell, depth)


def _command(
    command: Command, variables: Mapping[str, str], shell: bool, depth: int
) -> Iterator[Effect]:
    words = command.words
    known = ("sysctl", "tee", ".", "source", *_SHELLS, *_HARMLESS)
    at = next((n for n, word in enumerate(words) if _base(word) in known), None)
    name = "" if at is None else _base(words[at])
    rest = () if at is None else words[at + 1 :]
    if name == "sysctl":
        yield from _sysctl(rest)
    elif name == "tee":
        for word in rest:
            yield from _written(word, _echoed(command.fed_by))
    elif name in _SHELLS:
        yield from _inner(rest, variables, depth, name)
    elif name in (".", "source"):
        yield from (Run(word.text) for word in rest[:1] if word.text[:1] == "/")
    elif name in _HARMLESS:
        if not shell:
            yield from (NoShell(word.text) for word in rest if _is_key(word))
    else:
        yield from _unknown(words, variables, depth)


def _base(word: Word) -> str:
    return word.text.rpartition("/")[2].lstrip("@-+!:|")


def _is_key(word: Word) -> bool:
    return word.text.lstrip(">").startswith(f"{SYS}/")


def _written(file: Word, value: str | None) -> Iterator[Effect]:
    if file.text.startswith(f"{SYS}/"):
        key = file.text[len(SYS) + 1 :]
        yield Write(key, not _is_replaced(key), value)


def _is_replaced(text: str) -> bool:
    return any(sign in text for sign in "$`*?")


def _value(word: Word, text: str) -> str | None:
    """A value where it is told: no shell's variable, and no specifier of a unit."""
    return text if word.plain and "%" not in text else None


def _sysctl(words: Sequence[Word]) -> Iterator[Effect]:
    files: list[str] = []
    operands: list[Word] = []
    said: set[str] = set()
    skip = False
    for number, word in enumerate(words):
        text = word.text
        if skip:
            skip = False
        elif text == "--":
            operands += words[number + 1 :]
            break
        elif text.startswith("--"):
            name, equals, value = text[2:].partition("=")
            said.add(name)
            skip = name == "pattern" and not equals
            files += [value] if name == "load" and value else []
        elif text.startswith("-") and len(text) > 1:
            attached = _letters(text[1:], said)
            skip = "r" in text and text.endswith("r")
            files += [attached] if attached else []
        else:
            operands.append(word)
    if said & {"dry-run", "help", "version", "h", "V", "d"}:
        return
    if "system" in said:
        yield Load(())
    elif "load" in said:
        yield Load((*files, *(word.text for word in operands)) or (SYSCTL_CONF,))
    else:
        for word in operands:
            yield from _assignment(word, bool(said & {"w", "write"}))


def _letters(letters: str, said: set[str]) -> str:
    """Note options of one letter each; what is attached to `-p` is a file."""
    for at, letter in enumerate(letters):
        if letter in "pf":
            said.add("load")
            return letters[at + 1 :] if letter == "p" else ""
        if letter == "r":
            return ""
        said.add(letter)
    return ""


def _assignment(word: Word, must_write: bool) -> Iterator[Effect]:
    key, equals, value = word.text.partition("=")
    key = key.strip().lstrip("-").removeprefix(f"{SYS}/")
    if equals:
        yield Write(key, not _is_replaced(key), _value(word, value.strip()))
    elif must_write and not word.plain:
        yield Write(key, False, None)


def _echoed(command: Command | None) -> str | None:
    """What a command prints, None where that is not told."""
    words = list(command.words) if command else []
    at = next((n for n, word in enumerate(words) if _base(word) in ("echo", "printf")), None)
    if at is None:
        return None
    name, rest = _base(words[at]), words[at + 1 :]
    while rest and name == "echo" and rest[0].text in ("-n", "-e", "-ne", "-en", "-E"):
        rest.pop(0)
    if not rest or not all(word.plain for word in rest):
        return None
    if name == "printf":
        if len(rest) == 2 and rest[0].text in _FORMATS:
            return rest[1].text
        return rest[0].text.removesuffix("\\n") if len(rest) == 1 and _literal(rest[0]) else None
    text = " ".join(word.text for word in rest)
    return None if "%" in text else text.removesuffix("\\n")


def _literal(word: Word) -> bool:
    return "%" not in word.text


def _inner(
    words: Sequence[Word], variables: Mapping[str, str], depth: int, name: str
) -> Iterator[Effect]:
    """The commands in the words of a shell: those behind `-c`, else of the file that it runs."""
    if name == "eval":
        text = " ".join(word.text for word in words)
        yield from effects(text, variables, True, depth + 1)
        return
    for number, word in enumerate(words):
        if word.text[:1] == "-" and word.text[1:2] != "-" and word.text.endswith("c"):
            for script in words[number + 1 : number + 2]:
                yield from effects(script.text, variables, True, depth + 1)
            return
        if word.text[:1] == "/":
            yield Run(word.text)
            return


def _unknown(words: Sequence[Word], variables: Mapping[str, str], depth: int) -> Iterator[Effect]:
    """A program that is not known: it may run what it is given, and write to a key that it is."""
    first = _path(words[0]) if words else ""
    if first[:1] == "/":
        yield Run(first)
    for word in words:
        text = word.text
        if word.holds_commands:
            continue
        if any(blank in text for blank in " \t") and ("sysctl" in text or SYS in text):
            yield from effects(text, variables, True, depth + 1)
        else:
            path = text.rpartition("=")[2]
            yield from _written(Word(path, word.plain), None)


def _path(word: Word) -> str:
    return word.text.lstrip("@-+!:|")
