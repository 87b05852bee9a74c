"""`ec2rl conntrack namespaces`: how full the table of each network namespace is."""

from __future__ import annotations

from ec2rl.arguments import Parsed, format_of
from ec2rl.conntrack.commands.shared import answered, document_of, failed
from ec2rl.conntrack.namespaces import Namespaces, find_namespaces
from ec2rl.conntrack.report.table_text import WIDE
from ec2rl.conntrack.tables import Limits, Table, read_limits, read_tables
from ec2rl.conntrack.which_namespace import ALL, namespace_meant
from ec2rl.host import Host
from ec2rl.model import Unreadable
from ec2rl.quantities import grouped, percent, plural
from ec2rl.report.escape import one_line
from ec2rl.report.wording import text
from ec2rl.report.wrap import wrapped
from ec2rl.subcommand import COULD_NOT_LOOK
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.model import Json


def command(args: Parsed, terminal: Terminal) -> int:
    """Show each namespace's table: 0, or 3 where one could not be found or read."""
    return answered(args, terminal, lambda host, _: _show(args, terminal, host))


def _show(args: Parsed, terminal: Terminal, host: Host) -> int:
    limits, namespaces = read_limits(host), find_namespaces(host)
    said = args.last("netns", ALL)
    if said != ALL:
        one = namespace_meant(host, said, namespaces)
        if isinstance(one, Unreadable):
            return failed(terminal, one)
        namespaces = Namespaces((one,), None)
    tables = sorted(
        read_tables(host, namespaces), key=lambda t: (-(t.count or 0), t.namespace.inode or 0)
    )
    hidden = None if namespaces.hidden is None else text(namespaces.hidden)
    write = format_of(args).write
    if write is None:
        terminal.out(_text(tables, limits, terminal.width or WIDE))
        if hidden:
            terminal.say(f"not seen: {hidden}")
    else:
        found = document_of(
            args,
            host,
            max=limits.maximum,
            buckets=limits.buckets,
            loaded=limits.loaded,
            hidden=hidden,
            namespaces=[_facts(table, limits) for table in tables],
        )
        terminal.out(write(found))
    unread = limits.loaded is not False and any(isinstance(t.counters, Unreadable) for t in tables)
    return COULD_NOT_LOOK if unread or hidden else 0


def _text(tables: list[Table], limits: Limits, width: int) -> str:
    if limits.loaded is False:
        number = plural(len(tables), "network namespace")
        return f"Connection tracking is not loaded ({number}).\n"
    limit = (
        "unknown"
        if limits.maximum is None
        else grouped(limits.maximum)
        if limits.maximum
        else "none"
    )
    number = plural(len(tables), "network namespace")
    head = f"{number}; nf_conntrack_max for each of them: {limit}"
    lines = [*wrapped("", head, width=width), ""]
    if width >= WIDE:
        lines.append(f"{'entries':>9} {'full':>5} {'lost':>9} {'evicted':>9}  namespace")
    idle = 0
    for table in tables:
        counters = table.counters
        if isinstance(counters, Unreadable):
            unknown = f"{table.namespace.label}: {counters}"
            lines += _row(unknown, ("unknown", "", "", ""), "unknown", width)
        elif any(vars(counters).values()) or table.namespace.initial or len(tables) == 1:
            numbers = (
                counters.entries,
                _fill(table, limits),
                counters.refused,
                counters.early_drop,
            )
            said = count, shown, lost, evicted = [_shown(one) for one in numbers]
            words = f"{count} entries, {shown} full, {lost} lost, {evicted} evicted"
            lines += _row(table.namespace.label, said, words, width)
        else:
            idle += 1
    if idle:
        more = plural(idle, "more tracks/more track")
        lines += wrapped("", f"{more} nothing, and lost nothing.", width=width)
    return "\n".join(lines) + "\n"


def _row(label: str, numbers: Sequence[str], words: str, width: int) -> list[str]:
    """Give a table's numbers before its name, or in words below it where there is no room."""
    if width < WIDE:
        return [*wrapped("", label, "    ", width), *wrapped("    ", words, "", width)]
    count, shown, lost, evicted = numbers
    return [f"{count:>9} {shown:>5} {lost:>9} {evicted:>9}  {one_line(label)}"]


def _shown(number: float | None) -> str:
    if number is None:
        return "?"
    return percent(number) if isinstance(number, float) else grouped(number)


def _fill(table: Table, limits: Limits) -> float | None:
    if table.count is None or not limits.maximum:
        return None
    return table.count / limits.maximum


def _facts(table: Table, limits: Limits) -> Json:
    counters, namespace = table.counters, table.namespace
    unread = isinstance(counters, Unreadable)
    known = {} if isinstance(counters, Unreadable) else vars(counters)
    return {
        "inode": namespace.inode,
        "initial": namespace.initial,
        "names": list(namespace.names),
        "owner": namespace.owner or None,
        "count": table.count,
        "fill": _fill(table, limits),
        "lost": table.refused,
        **{
            name: known.get(name)
            for name in ("drop", "early_drop", "insert_failed", "chaintoolong")
        },
        "unreadable": str(counters) if unread else None,
    }
