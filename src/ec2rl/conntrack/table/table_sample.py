"""What a table that is nearly full consists of, from a sample of it: for the diagnosis."""

from __future__ import annotations

from ec2rl.conntrack.namespaces import RECORDED
from ec2rl.conntrack.queries.entries import ConntrackEntries
from ec2rl.conntrack.table.causes import causes
from ec2rl.conntrack.table.census import Census, evictable, evictable_later
from ec2rl.conntrack.table.kept import count_entries
from ec2rl.conntrack.table.targets import known_settings
from ec2rl.host import SETTINGS_OF, Host
from ec2rl.host.saved import STANDARD_INPUT
from ec2rl.model import Command, Evidence, Statement, Unreadable, Why, say, show_more
from ec2rl.record import record
from ec2rl.report.escape import typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.conntrack.table.cause import Cause
    from ec2rl.conntrack.tables import Table
    from ec2rl.model import Fact

FIRST = 4000
"""Entries to look at: some hundredths of a second, and shares within 2.3 % in 95 of 100 cases."""


@record(frozen=True)
class TableSample:
    """A sample of the table that is worst off; `label` is its namespace's.

    `saved` is the mtime of the file that it was saved in, None for a live table; `listed` is how
    many entries that file has, `sysctl` the file that its timeouts are from, "" for none or many.
    """

    label: str
    inode: int | None
    census: Census
    saved: float | None = None
    listed: int | None = None
    sysctl: str = ""

    @property
    def short(self) -> str:
        """What a saved list lacks of what was counted, if that is much; "" where it is not."""
        listed, counted = self.listed, self.census.counted or 0
        if listed is None or counted - listed <= 1000 + counted // 10:
            return ""
        return (
            f"{counted:,} entries were counted, and {listed:,} are listed: the list was cut, or"
            " something holds on to entries that are no longer in the table (a leak)"
        )

    @property
    def stuck(self) -> float:
        """The share of the entries that a full table does not evict, not even slowly."""
        movable = self.census.entries(evictable) + self.census.entries(evictable_later)
        return 1 - movable / self.census.total

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What explains the table, by what is known of it."""
        return causes(self.census)

    @property
    def headline(self) -> Statement:
        """What fills the table, in one sentence: its first cause, else its busiest connections."""
        found = self.causes
        if found:
            return found[0].headline
        pair, service = self.census.pairs.rows[0], self.census.services.rows[0]
        words, row = "{share:%} of the entries are {key}", pair
        if service.count > 2 * pair.count:
            words, row = "{share:%} of the entries are to {key}", service
        return say(words, share=row.count / self.census.total, key=str(row.key))


def sample_table(host: Host, tables: Sequence[Table]) -> TableSample | None:
    """Look at the first of these tables that can be seen at all."""
    for table in tables:
        namespace = table.namespace
        here = (host,) if namespace.net == RECORDED else ()
        for inside in (*here, *map(host.within, namespace.doors)):
            answer = inside.query(ConntrackEntries(FIRST))
            if isinstance(answer, Unreadable):
                if answer.why is Why.PARTIAL:  # too large to be read in time by any door
                    break
                continue
            counted = table.count if answer.total is None else max(answer.total, table.count or 0)
            found = count_entries(answer, known_settings(inside), counted)
            saved = None if answer.total is None else answer.modified
            if found.total:
                sysctl = "" if saved is None else _sysctl(inside)
                return TableSample(
                    namespace.label, namespace.inode, found, saved, answer.total, sysctl
                )
    return None


def _sysctl(host: Host) -> str:
    """The one file that somebody saved the settings in."""
    told = host.read(SETTINGS_OF)
    files = told.text.splitlines() if isinstance(told, Evidence) else []
    return files[0] if len(files) == 1 and files[0] != STANDARD_INPUT else ""


def sample_of(host: Host, table: Table) -> Census | None:
    """Count a sample of one table's entries; None where there are none to be seen."""
    found = sample_table(host, [table])
    return None if found is None else found.census


def table_sample_lines(one: TableSample) -> list[Statement]:
    """Tell what to say below the verdict."""
    found = one.census
    shares = say(
        "Evictable: {at_once:%} at once, {later:%} slowly, {stuck:%} "
        "not at all (seen: {seen:,}" + (" of {counted:,})" if found.counted else ")"),
        at_once=found.entries(evictable) / found.total,
        later=found.entries(evictable_later) / found.total,
        stuck=one.stuck,
        seen=found.total,
        counted=found.counted,
    )
    if one.saved is None:
        where = "" if one.inode is None else f" --netns={one.inode}"
        return [
            say("{label}: {headline}", label=one.label, headline=one.headline),
            shares,
            show_more("Details: {top}", top=Command(f"conntrack top{where}")),
        ]
    when = "The time of that file is {saved:time}: nothing proves that the table is of then"
    return [
        say("In the saved table {source}: {headline}", source=found.source, headline=one.headline),
        shares,
        say(when, saved=one.saved),
        *([say("{short}", short=one.short)] if one.short else []),
        *(say("The saved table is read in part: {gap}", gap=gap) for gap in found.gaps),
        _look_closer(found.source, one.sysctl),
    ]


_MEMBERS = ("sos_commands/", "proc/")
"""Where a sosreport keeps tables: paths in it, and no files that can be named here."""


_ALONE = Command("conntrack top", root=False)


def _top(file: str, sysctl: str) -> Command:
    by = f" --sysctl={typed(sysctl)}" if sysctl else ""
    return Command(f"conntrack top --file={typed(file)}{by}", root=False)


def _look_closer(source: str, sysctl: str) -> Statement:
    """Say what to type for the whole of a saved table."""
    if source.startswith(_MEMBERS):
        words = "Details: take {source} out of the sosreport, then: {top}"
        return show_more(words, source=source, top=_top(source.rpartition("/")[2], sysctl))
    if source == STANDARD_INPUT:
        return show_more("Details: {top} (with that table as its input)", top=_top("-", sysctl))
    if ", " in source:
        return show_more("Details: `{top}` takes one of these files by its --file=", top=_ALONE)
    return show_more("Details: {top}", top=_top(source, sysctl))


def table_sample_facts(one: TableSample) -> dict[str, Fact]:
    """Give the same as numbers."""
    found = one.census
    return {
        "inode": one.inode,
        "source": found.source,
        "file_time": one.saved,
        "gaps": list(found.gaps),
        "seen": found.total,
        "counted": found.counted,
        "headline": one.headline,
        "evictable_share": found.entries(evictable) / found.total,
        "evictable_later_share": found.entries(evictable_later) / found.total,
        "causes": [
            {"name": c.name.value, "headline": c.headline, "share": c.share} for c in one.causes
        ],
    }
