"""`ec2rl help`: subcommands, options and modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ec2rl.arguments import FORMATS, Command, Option, Parsed, UsageError, format_of
from ec2rl.catalogue import load, names
from ec2rl.commands import STATUS, all_commands
from ec2rl.invocation import to_type
from ec2rl.report import formats
from ec2rl.report.wrap import filled, wrapped
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json

COMMANDS = all_commands()

_TOP = """\
{about}

Usage: ec2rl SUBCOMMAND [OPTIONS]

Subcommands:
{commands}

{start}

{status}
"""
_ABOUT = "ec2rl: says what is wrong with a Linux machine, from evidence."
_START = {
    "Start here:": "run",
    "One module:": "run --only-modules=conntrackfull",
    "Why and how:": "explain conntrackfull",
}
_STATUS = f"Exit status of run: {STATUS}. Those of the others: ec2rl help SUBCOMMAND"
_WIDE = 70
"""Columns from which on there is room for names and what they mean side by side."""


def command(args: Parsed, terminal: Terminal) -> int:
    """Print the help of each name, or of the whole program; UsageError for an unknown name."""
    if write := format_of(args).write:
        terminal.out(write(document(**_facts(_named(args.operands)))))
        return 0
    if not args.operands:
        terminal.out(overview(terminal.width))
        return 0
    parts = [
        _of_command(name, COMMANDS[name], terminal.width) if name in COMMANDS else _of_module(name)
        for name in _named(args.operands)
    ]
    terminal.out("\n".join(parts))
    return 0


def _named(operands: Sequence[str]) -> list[str]:
    """Give the commands and modules that are named; those of a group for its name."""
    groups = {name.partition(" ")[0] for name in COMMANDS if " " in name}
    known = [*COMMANDS, *groups, *names()]
    found: list[str] = []
    for name in _joined(operands):
        if name in groups:
            found += [one for one in COMMANDS if one.startswith(f"{name} ")]
        elif name in known:
            found.append(name)
        else:
            from ec2rl.unknown import unknown

            raise UsageError(unknown("subcommand or module", name, known), "ec2rl help")
    return found


def _facts(chosen: Sequence[str]) -> dict[str, Json]:
    """Give the commands and modules as data; all of them where none is chosen."""
    every = [*COMMANDS, *names()]
    shown = chosen or every
    return {
        "commands": [_command_facts(name, COMMANDS[name]) for name in shown if name in COMMANDS],
        "modules": [{"name": n, "title": load(n).title} for n in shown if n not in COMMANDS],
    }


def _command_facts(name: str, command: Command) -> Json:
    return {
        "name": name,
        "help": command.help,
        "operands": command.operands,
        "status": command.status,
        "options": [{"name": key, **vars(one)} for key, one in command.options.items()],
    }


def _joined(words: Sequence[str]) -> list[str]:
    """Words, with those together that are one subcommand: `conntrack top`."""
    found: list[str] = []
    for word in words:
        if found and f"{found[-1]} {word}" in COMMANDS:
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def overview(width: int | None = None) -> str:
    """Give the help of the whole program; `width` is the terminal's."""
    rows = _rows({name: command.help for name, command in COMMANDS.items()}, width)
    start = _rows({label: to_type(words) for label, words in _START.items()}, None, "")
    return _TOP.format(
        about="\n".join(wrapped("", _ABOUT, width=width or 80)),
        commands="\n".join(rows),
        start="\n".join(start),
        status="\n".join(wrapped("", _STATUS, width=min(width or 95, 95))),
    )


def _rows(said: Mapping[str, str], width: int | None, indent: str = "    ") -> list[str]:
    """Give names and what they mean side by side, or below each other where that is too wide."""
    side = max(map(len, said)) + 2
    lines = []
    for name, words in said.items():
        first = f"{indent}{name:{side}}"
        if width is None:
            lines.append(first + words)
        elif width >= _WIDE:
            lines += filled(first, words, " " * len(first), width)
        else:
            lines += [*filled(indent, name, indent, width), *wrapped(indent * 2, words, "", width)]
    return lines


def _of_command(name: str, command: Command, width: int | None = None) -> str:
    usage = " ".join(filter(None, ("ec2rl", name, command.operands)))
    lines = [f"Usage: {usage}{' [OPTIONS]' * bool(command.options)}", ""]
    lines += wrapped("    ", command.help, width=width or 1000)
    if command.options:
        shown = {f"--{option}{value_of(o)}": o for option, o in command.options.items()}
        lines += ["", "Options:"]
        said = {w: f"{o.help}{' (may be repeated)' * o.many}" for w, o in shown.items()}
        lines += _rows(said, width)
    lines += ["", *wrapped("Exit status: ", command.status, width=min(width or 80, 80))]
    return "\n".join(lines) + "\n"


def value_of(option: Option) -> str:
    """Give what stands behind an option: "=SECONDS", "[=SECONDS]" if it may be left, or nothing."""
    if option is FORMATS["output"]:
        return "=" + "|".join(formats.names())
    if option.value.startswith("["):
        return f"[={option.value[1:-1]}]"
    return option.value and f"={option.value}"


def _of_module(name: str) -> str:
    module = load(name)
    return (
        f"{name}: {module.title}\n\n"
        f"    class {module.class_}, domain {module.domain}; needs {module.needs}\n"
        f"    run it:      {to_type(f'run --only-modules={name}')}\n"
        f"    its page:    {to_type(f'explain {name}', root=False)}\n"
    )
