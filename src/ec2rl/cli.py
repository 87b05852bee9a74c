"""The one place that takes the command line, and turns what happens into an exit status."""

from __future__ import annotations

import os
import sys

from ec2rl import invocation
from ec2rl.arguments import Parsed, UsageError, help_of, parse
from ec2rl.commands import commands_for
from ec2rl.invocation import to_type
from ec2rl.slices import file_of
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these

_KEPT = (
    *("TERM", "NO_COLOR", "COLUMNS", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "XDG_STATE_HOME"),
    # Who asked (caller.py); sudo(8), run0(1), pkexec(1) and doas(1) leave word of it.
    *("SUDO_UID", "SUDO_GID", "SUDO_USER", "PKEXEC_UID", "DOAS_USER"),
)
"""What the caller's environment may tell us; nothing of it reaches a program that we start."""


def main(words: list[str] | None = None) -> int:
    """Do what the command line says; its exit status."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    invocation.settle(os.environ, sys.argv[0])
    os.environ.clear()
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    zone = environment.get("TZ")
    # By a path the C library would open a file of the caller's.
    if zone is not None and not zone.startswith((":", "/", ".")) and ".." not in zone:
        os.environ["TZ"] = zone
    os.umask(0o077)
    _hold_streams()
    terminal = Terminal(environment)
    signals: dict[int, int] = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}
    caught: list[int] = []
    for number in signals:
        signal.signal(number, lambda got, _: _interrupt(caught, got))
    words = sys.argv[1:] if words is None else words
    try:
        args = _parsed(words, terminal)
        command = __import__(file_of(args.command), fromlist=["command"]).command
        status: int = command(args, terminal)
    except UsageError as error:
        see = error.see or help_of(words, commands_for(words))
        see = see.removeprefix("ec2rl ")
        terminal.say(f"{error}\nec2rl: see: {to_type(see, root=see == 'history')}")
        return 2
    except KeyboardInterrupt:
        status = 130
    except BaseException as error:
        # Our own fault, outside of any module: told in a line, whole with --debug.
        if "--debug" in sys.argv:
            import traceback

            terminal.say(traceback.format_exc())
        cause = error.__cause__ or error  # of a module that cannot be loaded, what was raised
        if isinstance(cause, ImportError) and _is_lacking(cause):
            terminal.say(
                f"this Python lacks something: {error}; install python3 (python3-minimal is not "
                "enough), or name another by EC2RL_PYTHON"
            )
            return 69
        see = to_type("bug-report", root=False)
        terminal.say(f"fault of ec2rl itself: {type(error).__name__}: {error}; see: {see}")
        return 70
    if terminal.lost and status == 0:
        status = 4
    if caught and status == 130:
        return signals[caught[0]]
    return status


def _parsed(words: list[str], terminal: Terminal) -> Parsed:
    """What is asked for; who says it in an older way is told the new one."""
    args = parse(words, commands_for(words))
    for note in args.notes:
        terminal.say(note)
    return args


def _is_lacking(error: ImportError) -> bool:
    """Whether Python lacks something; else it is ours, or there was no memory to load it."""
    # What ld.so says of too little memory (glibc, elf/dl-load.c).
    little = ("failed to map segment", "zero-fill", "annot allocate memory")
    return not (error.name or "").startswith("ec2rl") and not any(w in str(error) for w in little)


def _hold_streams() -> None:
    """Open what the caller closed of the three streams, lest a file of ours takes its number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            try:
                os.open("/dev/null", os.O_RDWR)
            except OSError:  # a rescue system may have an empty /dev
                os.pipe()


def _interrupt(caught: list[int], got: int) -> None:
    caught.append(got)
    raise KeyboardInterrupt
