"""The man page, from the table of commands that `ec2rl help` shows."""

from __future__ import annotations

import re
import time

from ec2rl.arguments import Command
from ec2rl.catalogue import loadable
from ec2rl.commands import all_commands
from ec2rl.commands.help import value_of

_HEAD = """\
.TH EC2RL 8 "{day}" "ec2rl {version}" "System Administration"
.SH NAME
ec2rl \\- say what is wrong with a Linux machine, prove it, fix it, and take the fix back
.SH SYNOPSIS
.B ec2rl
.I SUBCOMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
On a Linux machine in trouble, one command says what is wrong and proves it from evidence.  Looking
changes nothing: no packet is sent, no kernel module is loaded, no name is resolved.  A change is
planned, shown, agreed to, journalled, read back, and can be undone.
.PP
Begin with
.B ec2rl run
as root; on a machine that is well,
.B ec2rl demo
plays a recording of one that was not.
.SH SUBCOMMANDS
"""

_TAIL = """\
.SH ENVIRONMENT
.TP
.B EC2RL_PYTHON
The Python to run with: a path, or a name that is looked for in /usr/local/bin, /usr/bin and /bin.
.TP
.B NO_COLOR
Where it is set, results are not coloured.
.SH FILES
.TP
.I /var/lib/ec2rl
The results of the last 50 runs, and in
.I changes
the journal of changes.
.TP
.I /var/tmp/ec2rl
A link to it, where nothing else stood.
.SH EXIT STATUS
Of
.BR run :
0 no failure, 1 a failure, 2 a wrong command line, 3 no failure seen but something could not be
judged, 4 results not saved, 69 no suitable Python, 70 a fault of ec2rl itself, 130 interrupted.
.SH SEE ALSO
.BR conntrack (8),
.BR dmesg (1),
.BR journalctl (1),
.BR sysctl (8)
"""


def man_page(version: str, when: int) -> str:
    """Give the page ec2rl(8), dated in seconds since the epoch."""
    day = time.strftime("%Y-%m-%d", time.gmtime(when))
    parts = [_HEAD.format(day=day, version=version)]
    parts += [_of(name, command) for name, command in all_commands().items()]
    modules = (f".TP\n.B {_plain(m.name)}\n{_plain(m.title)}.\n" for m in loadable())
    parts += [".SH MODULES\n", *modules, _TAIL]
    return "".join(parts)


def _of(name: str, command: Command) -> str:
    lines = [f'.SS "ec2rl {_plain(" ".join(filter(None, (name, command.operands))))}"']
    lines.append(f"{_plain(command.help)}.")
    for option, about in command.options.items():
        many = " May be repeated." * about.many
        lines += [
            ".TP",
            f".B \\-\\-{_plain(option + value_of(about))}",
            f"{_plain(about.help)}.{many}",
        ]
    lines += [".PP", f"Exit status: {_plain(command.status)}."]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Keep what roff would take for its own: backslashes, minus signs, dots at a line's start."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return re.sub(r"^([.'])", r"\\&\1", text)
