"""What cron runs, at boot and later: crontab(5) and cron(8) of Debian's cron 3.0pl1 and cronie 1.5.

A line of a user's table is a time and a command; in /etc/crontab and /etc/cron.d the user stands
between them. BusyBox' crond reads /etc/crontabs, and since 1.30 knows `@reboot`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

_WITH_USER = ("/etc/cron.d",)
_TABLES = ("/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron", "/etc/crontabs")
_PARTS = ("/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly")


@record(frozen=True)
class Job:
    """A command, the line that it stands in, and when it is run."""

    line: Evidence
    command: str
    note: str


def cron_lines(host: Host) -> Iterator[Job | Unreadable]:
    """Yield the commands of all of cron's tables, and what could not be read."""
    yield from _table(conf_files.text(host, "/etc/crontab"), True)
    for folders, with_user in ((_WITH_USER, True), (_TABLES, False)):
        for folder in folders:
            for item in conf_files.merged(host, (folder,), ""):
                yield from _table(item, with_user)
    for folder in _PARTS:
        for item in conf_files.merged(host, (folder,), ""):
            if isinstance(item, Evidence):
                note = f"each time cron runs it ({folder.rpartition('.')[2]})"
                yield Job(Evidence(item.source, ""), f"sh {item.source}", note)


def _table(text: Evidence | Unreadable, with_user: bool) -> Iterator[Job | Unreadable]:
    if isinstance(text, Unreadable):
        if text.why is not Why.FAILED:  # a folder among the tables of users
            yield text
        return
    for number, line in enumerate(text.text.split("\n"), 1):
        line = line.strip()
        # crond goes by the first sign: a comment, or a time; all else sets a variable.
        if line[:1] not in tuple("@*0123456789-"):
            continue
        fields = 1 if line[0] == "@" else 5
        words = line.split(None, fields + with_user)
        if len(words) > fields + with_user:
            when = " ".join(words[:fields])
            command = words[-1].replace("\\%", "\0").partition("%")[0].replace("\0", "%")
            at_boot = when == "@reboot"
            note = "when cron starts" if at_boot else f"each time cron runs it: {when}"
            yield Job(Evidence(f"{text.source}:{number}", line), command, note)
