"""`ec2rl help`: subcommands, options and modules."""

from __future__ import annotations

from collections.abc import Sequence

from ec2rl.arguments import FORMATS, Command, Option, Parsed, UsageError, format_of
from ec2rl.catalogue import load, names
from ec2rl.commands import all_commands
from ec2rl.report import formats
from ec2rl.report.wrap import wrapped
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json

COMMANDS = all_commands()

_TOP = """\
ec2rl: says what is wrong with a Linux machine, from evidence.

Usage: ec2rl SUBCOMMAND [OPTIONS]

Subcommands:
{commands}

Start here:   sudo ./ec2rl run
One module:   sudo ./ec2rl run --only-modules=conntrackfull
Why and how:  sudo ./ec2rl explain conntrackfull

Exit status of run: 0 no failure, 1 a failure, 2 a wrong command line, 3 no failure seen but
something could not be judged, 4 results not saved, 69 no suitable Python, 70 a fault of ec2rl
itself, 130 interrupted. Those of the others: ec2rl help SUBCOMMAND
"""


def command(args: Parsed, terminal: Terminal) -> int:
    """Print the help of each name, or of the whole program; UsageError for an unknown name."""
    if write := format_of(args).write:
        terminal.out(write(document(**_facts(_named(args.operands)))))
        return 0
    if not args.operands:
        terminal.out(overview())
        return 0
    parts = [
        _of_command(name, COMMANDS[name]) if name in COMMANDS else _of_module(name)
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


def overview() -> str:
    """Give the help of the whole program."""
    width = max(map(len, COMMANDS))
    rows = [f"    {name:{width}} {command.help}" for name, command in COMMANDS.items()]
    return _TOP.format(commands="\n".join(rows))


def _of_command(name: str, command: Command) -> str:
    usage = " ".join(filter(None, ("ec2rl", name, command.operands)))
    lines = [f"Usage: {usage}{' [OPTIONS]' * bool(command.options)}", "", f"    {command.help}"]
    if command.options:
        shown = {f"--{option}{value_of(o)}": o for option, o in command.options.items()}
        width = max(map(len, shown))
        lines += ["", "Options:"]
        lines += [
            f"    {words:{width}}  {o.help}{' (may be repeated)' * o.many}"
            for words, o in shown.items()
        ]
    if command.status:
        lines += ["", *wrapped("Exit status: ", command.status)]
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
        f"    run it:      sudo ./ec2rl run --only-modules={name}\n"
        f"    its page:    ./ec2rl explain {name}\n"
    )
