"""The serial console got more than it can take: the CPU that serves it stands still meanwhile."""

from __future__ import annotations

from ec2rl.facts.kernel_log import KernelLog, LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import find_events
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen, release
from ec2rl.model import Finding
from ec2rl.module import Module, Options

PHRASES = (
    Phrase(b": too much work for irq"),
    Phrase(b" input overrun(s)", recent=True),
)

# drivers/tty/serial/8250/8250_core.c up to 5.3; drivers/tty/n_tty.c, with the driver's name before
# the line's from 4.4 on.
_WORK = r"(?P<port>serial8250|tty\w{1,12}): too much work for irq(?P<irq>\d{1,5})\s*"
_OVERRUN = r"(?:tty\w{1,12} )?(?P<port>tty\w{1,12}): (?P<n>\d{1,10}) input overrun\(s\)\s*"

_WORDS = Words(
    name="consoleoverload",
    found="Serial console overload messages found",
    none="No serial console overload messages found.",
    question="the serial console was overloaded",
    advice=(
        "What helps: find what writes so much (the lines around the message), and lower what goes "
        "to the console (kernel.printk, systemd's ForwardToConsole=)",
    ),
)

_SILENT_SINCE = (5, 4)
"""The kernel from which on the driver gives up without a word (serial8250_interrupt())."""


def describe(line: LogLine, trace: Trace) -> str | None:
    """One message by its port: the kernel prints at most ten in five seconds."""
    import re

    match = re.fullmatch(_WORK, line.message)
    if match is not None:
        return f"{match['port']}: more output than it can send (irq {match['irq']})"
    match = re.fullmatch(_OVERRUN, line.message)
    return f"{match['port']}: input lost, overruns: {match['n']}" if match else None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, and whether this kernel would say it at all."""
    version = release(host)
    notes: tuple[str, ...] = ()
    if version is not None and version >= _SILENT_SINCE:
        notes = (
            f"Linux {version[0]}.{version[1]} tells of lost input only: from 5.4 on the driver "
            "does not say that it has too much to send",
        )
    return Seen(log, find_events(log, describe), options.since, notes=notes)


def judge(seen: Seen) -> Finding:
    """This boot's is a failure: whatever shares that CPU waits for 115,200 bits a second."""
    return judge_events(seen, _WORDS)


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Commands that show the same, and what goes to the console."""
    return (
        "dmesg -T | grep -E 'too much work for irq|input overrun'",
        "cat /proc/consoles /proc/tty/driver/serial    # oe: overruns",
        "sysctl kernel.printk    # the first number: what goes to the console",
        "dmesg -n 4    # errors and worse only, until the next boot",
    )


MODULE = Module(
    name="consoleoverload",
    title="The serial console keeps up",
    domain="performance",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log",
    by_hand=by_hand,
)
