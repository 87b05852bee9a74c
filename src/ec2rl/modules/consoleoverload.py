"""The serial console got more than it can take: the CPU that serves it stands still meanwhile."""

from __future__ import annotations

from ec2rl.diagnosis.events import AnothersEvent
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts.console import messages_dropped
from ec2rl.facts.log import LogLine, fits
from ec2rl.facts.proc import running_version
from ec2rl.facts.trace import Trace
from ec2rl.host import DROPPED, EMERG, ERR, WARNING, Host, Phrase
from ec2rl.model import Statement, say
from ec2rl.record import replace

# drivers/tty/serial/8250/8250_core.c from 3.10 to 4.19, gone in 5.0; drivers/tty/n_tty.c, with the
# driver's name before the port's from 4.9 to 7.1. hvc is the console of an instance under Xen.
_PORT = r"(?P<port>(?:tty|hvc)\w{1,12})"
_WORK = r"(?P<port>serial8250|tty\w{1,12}): too much work for irq(?P<irq>\d{1,5})\s*"
_OVERRUN = rf"(?:(?:tty|hvc)\w{{0,12}} )?{_PORT}: (?P<n>\d{{1,10}}) input overrun\(s\)\s*"
# kernel/watchdog.c, with one of these functions on the way: what kernels say that do not say the
# first any more. drivers/tty/serial/8250/8250_port.c, amba-pl011.c; kernel/printk/printk.c.
_STUCK = (
    r"(?:(?:NMI )?watchdog: )?BUG: soft lockup - CPU#(?P<cpu>\d{1,5})"
    r" stuck for (?P<s>\d{1,9})s! \[.{1,64}:\d{1,10}\]\s*"
)
_WRITERS = (
    "serial8250_console_", "univ8250_console_", "wait_for_xmitr", "wait_for_lsr",
    "fifo_wait_for_lsr", "io_serial_", "pl011_console_", "uart_console_write", "hvc_console_",
    "console_unlock", "console_flush_", "nbcon_",
)  # fmt: skip

_SILENT_SINCE = (5, 0)
"""The kernel from which on the driver gives up without a word (serial8250_interrupt())."""


def parse(line: LogLine, trace: Trace) -> Statement | AnothersEvent | None:
    """Parse a message of a port (the kernel prints at most ten in five seconds), or a stuck CPU."""

    match = fits(_WORK, line.message)
    if match is not None:
        words = "{port}: more output than it can send (irq {irq})"
        return say(words, port=match["port"], irq=int(match["irq"]))
    match = fits(_OVERRUN, line.message)
    if match is not None:
        return say("{port}: input lost, overruns: {n:,}", port=match["port"], n=int(match["n"]))
    lost = messages_dropped(line)
    if lost is not None:
        return say("messages dropped before the console got them: {n:,}", n=lost)
    match = fits(_STUCK, line.message)
    if match is None:
        return None
    if not any(name.startswith(_WRITERS) for name in (trace.place, *trace.frames)):
        return AnothersEvent()
    words = "CPU {cpu} stuck for {seconds:span} while it wrote to the console"
    return say(words, cpu=int(match["cpu"]), seconds=int(match["s"]))


def observe(host: Host, seen: Observations[Statement]) -> Observations[Statement]:
    """Note whether this kernel would say it at all."""
    version = running_version(host)
    if version is None or version < _SILENT_SINCE:
        return seen
    words = (
        "Linux {major}.{minor} tells of lost input, and of a CPU that is stuck in writing: from "
        "5.0 on the driver does not say that it has too much to send"
    )
    return replace(seen, notes=(say(words, major=version[0], minor=version[1]),))


_WHOLE = ("serial8250: too much work for irq1",)
"""One message of each wording: a line that a screen cut is known by its beginning."""
MODULE = kernel_log_module(
    name="consoleoverload",
    title="The serial console keeps up",
    domain="performance",
    phrases=(
        Phrase(b": too much work for irq", level=ERR, messages=_WHOLE),
        Phrase(b"BUG: soft lockup - CPU#", after=100, level=EMERG),
        Phrase(b" input overrun(s)", recent=True, level=WARNING),
        replace(DROPPED, recent=True, level=EMERG),
    ),
    parse=parse,
    text=DiagnosisText(
        found="Serial console overload messages found",
        none="No serial console overload messages found.",
        question="the serial console was overloaded",
        advice=(
            say(
                "What helps: find what writes so much (the lines around the message), and lower "
                "what goes to the console (kernel.printk, systemd's ForwardToConsole=)"
            ),
        ),
    ),
    observe=observe,
)
