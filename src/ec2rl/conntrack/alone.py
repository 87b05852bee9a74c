"""One network namespace judged alone: which lines of the kernel's log are about its table."""

from __future__ import annotations

from ec2rl.conntrack.messages import Kind, understand
from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.proc import version
from ec2rl.model import Statement, Unreadable, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.tables import Table

_NAMES = (6, 17)
"""The first Linux that names every namespace but the initial one (nf_conntrack_core.c)."""


@record(frozen=True)
class Alone:
    """The namespace that was asked for, and what became of the log's table-full lines.

    `unnamed` are lines that count though they name no namespace, because it has dropped packets
    itself; `undecided` may be about it, and its own counters could not be read; `elsewhere` are
    about others, or from boots in which it was not there yet.
    """

    label: str
    inode: int | None
    unnamed: int = 0
    undecided: int = 0
    elsewhere: int = 0

    def said(self) -> Statement:
        """Say whose verdict it is, and which lines it rests on."""
        words = "Judged alone: {label}"
        if self.elsewhere:
            words += "; {elsewhere:table-full line is/table-full lines are} about another one"
        if self.unnamed:
            words += "; {unnamed:line names/lines name} no namespace, and may be about another one"
        return say(words, label=self.label, elsewhere=self.elsewhere, unnamed=self.unnamed)

    @property
    def doubts(self) -> tuple[Statement, ...]:
        """Why the log does not tell whether it was full."""
        words = "{undecided:table-full line names/table-full lines name} no namespace"
        return (say(words, undecided=self.undecided),) if self.undecided else ()


def of_one(log: KernelLog, table: Table, release: str | None) -> tuple[KernelLog, Alone]:
    """Leave out the table-full lines that are not about this namespace, and tell of them.

    A line that names none is about the initial one where the kernel names all others.  Elsewhere
    its own counter decides: a full table counts each packet that it refuses.
    """
    namespace = table.namespace
    names = (version(release or "") or (0, 0)) >= _NAMES
    kept: list[LogLine] = []
    counts = {"unnamed": 0, "undecided": 0, "elsewhere": 0}
    for line in log.lines:
        message = understand(line.message)
        if message is None or message.kind is not Kind.TABLE_FULL:
            kept.append(line)
            continue
        place = ""
        if message.netns is not None or names:
            inode = None if namespace.initial else namespace.inode
            here = message.netns == inode and (namespace.initial or inode is not None)
            # A number is given to another namespace after its end: who dropped nothing is not it.
            place = "elsewhere" if not here or _by_counter(table) == "elsewhere" else ""
        elif not namespace.initial or line.this_boot is not False:
            place = _by_counter(table)
        if line.this_boot is False and not namespace.initial:
            place = "elsewhere"
        if place in ("", "unnamed"):
            kept.append(line)
        if place and line.trusted:
            counts[place] += line.count
    alone = Alone(namespace.label, namespace.inode, **counts)
    return replace(log, lines=tuple(kept)), alone


def _by_counter(table: Table) -> str:
    counters = table.counters
    if isinstance(counters, Unreadable) or counters.drop is None:
        return "undecided"
    return "unnamed" if counters.drop else "elsewhere"
