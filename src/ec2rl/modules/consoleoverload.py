"""The serial console got more than it can take: the CPU that serves it stands still meanwhile."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import find_events
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen, release
from ec2rl.model import Finding
from ec2rl.module import Module, Options

PHRASES = (
    Phrase(b": too much work for irq"),
    Phrase(b"BUG: soft lockup - CPU#", after=100),
    Phrase(b" input overrun(s)", recent=True),
)

# drivers/tty/serial/8250/8250_core.c from 3.10 to 4.19, gone in 5.0; drivers/tty/n_tty.c, with the
# driver's name before the port's from 4.9 to 7.1. hvc is the console of an instance under Xen.
_PORT = r"(?P<port>(?:tty|hvc)\w{1,12})"
_WORK = r"(?P<port>serial8250|tty\w{1,12}): too much work for irq(?P<irq>\d{1,5})\s*"
_OVERRUN = rf"(?:(?:tty|hvc)\w{{0,12}} )?{_PORT}: (?P<n>\d{{1,10}}) input overrun\(s\)\s*"
# kernel/watchdog.c, with one of these functions on the way: what kernels say that do not say the
# first any more. drivers/tty/serial/8250/8250_port.c, amba-pl011.c; kernel/printk/printk.c.
_STUCK = (
    r"(?:(?:NMI )?watchdog: )?BUG: soft lockup - CPU#(?P<cpu>\d{1,5})"
    r" stuck for (?P<s>\d{1,9})s! .*"
)
_WRITERS = (
    "serial8250_console_", "univ8250_console_", "wait_for_xmitr", "wait_for_lsr",
    "fifo_wait_for_lsr", "io_serial_", "pl011_console_", "uart_console_write", "hvc_console_",
    "console_unlock", "console_flush_", "nbcon_",
)  # fmt: skip

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

_SILENT_SINCE = (5, 0)
"""The kernel from which on the driver gives up without a word (serial8250_interrupt())."""


def describe(line: LogLine, trace: Trace) -> str | None:
    """One message by its port (the kernel prints at most ten in five seconds), or a stuck CPU."""
    import re

    match = re.fullmatch(_WORK, line.message)
    if match is not None:
        return f"{match['port']}: more output than it can send (irq {match['irq']})"
    match = re.fullmatch(_OVERRUN, line.message)
    if match is not None:
        return f"{match['port']}: input lost, overruns: {match['n']}"
    match = re.fullmatch(_STUCK, line.message)
    if match is None:
        return None
    writes = any(name.startswith(_WRITERS) for name in (trace.place, *trace.frames))
    stuck = f"CPU {match['cpu']} stuck for {match['s']} s while it wrote to the console"
    return stuck if writes else ""


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, and whether this kernel would say it at all."""
    version = release(host)
    notes: tuple[str, ...] = ()
    if version is not None and version >= _SILENT_SINCE:
        notes = (
            f"Linux {version[0]}.{version[1]} tells of lost input, and of a CPU that is stuck in "
            "writing: from 5.0 on the driver does not say that it has too much to send",
        )
    return Seen(log, find_events(log, PHRASES, describe), options.since, notes=notes)


def judge(seen: Seen) -> Finding:
    """This boot's is a failure: whatever shares that CPU waits for 115,200 bits a second."""
    return judge_events(seen, _WORDS)


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Commands that show the same, and what goes to the console."""
    return (
        "dmesg -T | grep -E 'too much work for irq|input overrun|soft lockup|console_'",
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
