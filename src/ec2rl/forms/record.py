"""One record of a log, as its form shows it."""

from __future__ import annotations

from ec2rl.record import record

KERNEL = "kernel"

_FACILITIES = (
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp security console"
)
FACILITIES = {name: number for number, name in enumerate(_FACILITIES.split())}
FACILITIES.update({f"local{number}": 16 + number for number in range(8)})
"""The facilities' names in syslog(3) and RFC 5424, table 1."""


@record(frozen=True)
class Record:
    """What a line says, and what its form tells of it.

    `form` is the row of the table; `stamp` the time as it stands, "" without one; `up` the time
    since boot in microseconds; `facility` is 0 for the kernel's own words and None where the form
    shows none; `identifier` is who wrote it, "" where the form shows only the kernel; `count` is
    how many times it stands for; `repeats` whether it bears the same time as the one above it;
    `tail` is how many characters of the line the message takes.  `around` is what stands around
    the form, and `passed_on` whether another program wrote that, of what it was sent.
    """

    message: str
    form: str
    stamp: str = ""
    up: int | None = None
    facility: int | None = None
    identifier: str = ""
    count: int = 1
    repeats: bool = False
    tail: int = 0
    around: str = ""
    passed_on: bool = False

    @property
    def is_kernels(self) -> bool:
        """Whether the form shows no other writer than the kernel."""
        return self.identifier in ("", KERNEL)
