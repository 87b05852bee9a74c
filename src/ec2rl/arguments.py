"""The command line: what may be said, and what to answer when it was said wrong."""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.report.formats import Format


class UsageError(ValueError):
    """The command line asks for something that there is not; the message says what there is.

    `see` is the command that says more, "" for the help of the command that was meant.
    """

    def __init__(self, message: str, see: str = "") -> None:
        super().__init__(message)
        self.see = see


@record(frozen=True)
class Option:
    """One option: `value` names what it takes ("" for nothing, "[X]" for one that may be left).

    `was` is an older name of it, which is taken too, and said.
    """

    value: str
    help: str
    many: bool = False
    was: str = ""


@record(frozen=True)
class Command:
    """One subcommand; `operands` names what follows it ("" for nothing).

    `status` says what each exit status means.
    """

    help: str
    operands: str
    options: Mapping[str, Option]
    status: str


@record(frozen=True)
class Parsed:
    """What was said: a command, its operands, and each option's values in their order.

    `notes` are for who said it in an older way.
    """

    command: str
    operands: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def has(self, option: str) -> bool:
        return option in self.values

    def last(self, option: str, default: str = "") -> str:
        """Give the value that was said last."""
        return self.values[option][-1] if option in self.values else default

    def names(self, option: str) -> tuple[str, ...] | None:
        """Give the parts of a comma list that may be repeated; None when it was not said."""
        if option not in self.values:
            return None
        parts = ",".join(self.values[option]).split(",")
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


FORMATS = {
    "output": Option("FORM", "the form of the answer (text)"),
    "json": Option("", "the same as --output=json"),
}
"""The options that `format_of` takes."""


_SHORT = {"-q": "--quiet", "-v": "--verbose"}


TOLD = "0 shown; 2 a wrong command line"
"""The exit status of who only tells."""

UNTOLD = (
    "0 every value told; 3 the next value of a setting cannot be told (it says `unknown`), or "
    "something that may decide could not be read; 2 a wrong command line, or no such volume"
)
"""The exit status of who tells what a setting will be."""


def parse(words: Sequence[str], commands: Mapping[str, Command]) -> Parsed:
    """Take a command line apart; options stand anywhere behind the command of one or two words.

    UsageError for a command or an option that there is not, with the nearest that there is.
    """
    name, words = _named(words, commands)
    command = commands[name]
    operands: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    renamed = {option.was: new for new, option in command.options.items() if option.was}
    notes: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            operands += rest
        elif word in ("--help", "-h"):
            return Parsed("help", (name,), {})
        elif word.startswith("--") or word in _SHORT:
            option, said, value = _SHORT.get(word, word)[2:].partition("=")
            if option in renamed:
                notes.append(f"--{option} of {name} is called --{renamed[option]} now")
            option = renamed.get(option) or _whole(
                f"option of {name}", option, command.options, "--"
            )
            values[option] = (
                *values.get(option, ()),
                _value(option, command.options[option], bool(said), value, rest),
            )
        elif word.startswith("-") and word != "-":
            raise UsageError(f"unknown option {word!r}: options begin with two dashes")
        else:
            operands.append(word)
    if operands and not command.operands:
        raise UsageError(f"{name} takes no {operands[0]!r}")
    return Parsed(name, tuple(operands), values, tuple(dict.fromkeys(notes)))


def help_of(words: Sequence[str], commands: Mapping[str, Command]) -> str:
    """Say how to read the help of the command that a command line begins with; of all for none."""
    name = words[0] if words else ""
    named = [one for one in commands if one in (name, " ".join(words[:2]))]
    group = [name] if any(one.startswith(f"{name} ") for one in commands) else []
    return " ".join(["ec2rl help", *(named or group)[-1:]])


def _named(words: Sequence[str], commands: Mapping[str, Command]) -> tuple[str, Sequence[str]]:
    """The subcommand, of one word or of two as `conntrack top`, and what follows it."""
    if not words:
        raise UsageError("missing subcommand: one of " + ", ".join(commands))
    short = {"--help": "help", "-h": "help", "--version": "version", "-V": "version"}
    name = short.get(words[0], words[0])
    if name not in commands:
        firsts = dict.fromkeys(known.partition(" ")[0] for known in commands)
        name = _whole("subcommand", name, firsts)
    words = words[1:]
    inner = [known.partition(" ")[2] for known in commands if known.startswith(f"{name} ")]
    if inner:
        if not words:
            raise UsageError(f"{name} what? one of {', '.join(inner)}")
        if words[0] in ("--help", "-h"):
            return "help", (name,)
        name, words = f"{name} {_whole(name, words[0], inner)}", words[1:]
    return name, words


def _whole(
    kind: str, said: str, known: Mapping[str, object] | Sequence[str], dash: str = ""
) -> str:
    """Give the one of the words that was said, be it by its beginning alone."""
    if said in known:
        return said
    from ec2rl.unknown import is_gone, unknown

    begun = [one for one in known if said and one.startswith(said)]
    if not begun or is_gone(dash + said):
        raise UsageError(unknown(kind, said, known, dash))
    if len(begun) > 1:
        several = ", ".join(dash + one for one in begun)
        raise UsageError(f"{kind} {dash + said!r} may be one of several: {several}")
    return begun[0]


def _value(name: str, option: Option, said: bool, value: str, rest: object) -> str:
    if not option.value:
        if said:
            raise UsageError(f"--{name} takes no value")
        return ""
    if said:
        if not value and not option.value.startswith("["):
            raise UsageError(f"--{name} needs a value: --{name}={option.value}")
        return value
    if option.value.startswith("["):
        return ""
    following = next(rest, None)  # type: ignore[call-overload]
    if not following or following.startswith("--"):
        raise UsageError(f"--{name} needs a value: --{name}={option.value}")
    return str(following)


def format_of(args: Parsed) -> Format:
    """Give the form that the answer is wanted in. UsageError for one that there is not."""
    from ec2rl.report import formats

    known = formats.names()
    name = "json" if args.has("json") else args.last("output", formats.WORDS)
    if name not in known:
        raise UsageError(f"--output={name}: one of {', '.join(known)}")
    return formats.load(name)


def seconds(option: str, text: str, least: float, most: float, whole: bool = False) -> float:
    """Parse a length of time in seconds, as `amounts` reads it. UsageError for anything else."""
    from ec2rl import amounts

    try:
        return amounts.seconds(text, least, most, whole)
    except amounts.AmountError as error:
        raise UsageError(f"--{option}={text}: {error}") from None


def whole_number(option: str, text: str, least: int, most: int) -> int:
    """Parse a whole number, as `amounts` reads it. UsageError for anything else."""
    from ec2rl import amounts

    try:
        return amounts.count(text, least, most)
    except amounts.AmountError as error:
        raise UsageError(f"--{option}={text}: {error}") from None


def moment(option: str, text: str, now: float) -> float:
    """Parse a time, in seconds since the epoch.

    `2026-11-24[ 02:00[:00]]`, `02:00`, `@1790000000`, `2h` or `2h ago` (before `now`), `today`,
    `yesterday`; local time where no zone is given.
    """
    from datetime import datetime, timedelta

    said = text.strip().lower().lstrip("-")
    said = said[:-3].strip() if said.endswith("ago") else said
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if said == "now":
            return now
        if said in ("today", "yesterday"):
            return (today - timedelta(days=said == "yesterday")).timestamp()
        if said[:1].isdecimal() and said[-1:].isalpha() and not {":", "-"} & {*said}:
            return now - seconds(option, said, 0, 1e9)
        if said.startswith("@"):
            when = float(said[1:])
        else:
            said = f"{today:%Y-%m-%d} {said}" if ":" in said[:3] else said
            when = datetime.fromisoformat(said.replace("z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"--{option}={text}: not a time, as 2026-11-24, '2026-11-24 02:00', 02:00, 2h, @EPOCH"
        ) from None
    if not when <= now + 1:  # nothing could be found since then, and that would look like health
        before = ""
        if ":" in text[:3]:  # of today, which nobody said
            yesterday = today - timedelta(days=1)
            before = f"; yesterday's is --{option}='{yesterday:%Y-%m-%d} {text}'"
        raise UsageError(f"--{option}={text}: that time is still to come{before}")
    return when
