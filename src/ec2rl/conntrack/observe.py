"""Look at all that the conntrack diagnosis weighs: the log, every namespace, the instance."""

from __future__ import annotations

from ec2rl.conntrack.allowance import read_allowances, risen
from ec2rl.conntrack.defaults import ENTRY, MAX, default_sizes, rule
from ec2rl.conntrack.namespaces import Namespace, Namespaces, find_namespaces
from ec2rl.conntrack.observations import ByHand, Observations
from ec2rl.conntrack.size_policy import is_short, load_of, table_size
from ec2rl.conntrack.tables import Limits, Table, read_again, read_limits, read_tables
from ec2rl.conntrack.timeline import timeline
from ec2rl.conntrack.which_namespace import GONE, namespace_meant
from ec2rl.facts.log import UNKNOWN_FORM, KernelLog, LogLine
from ec2rl.facts.proc import available_memory, release
from ec2rl.facts.trust import Grade
from ec2rl.host import ODD, Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.module import Options
from ec2rl.record import replace

_WORTH_A_LOOK = 0.75
"""The share of the limit from which on a table's entries are sampled."""


def read(host: Host, log: KernelLog, options: Options) -> Observations:
    """Look at the log, every namespace and the instance's own limit; twice if something is odd.

    Where one namespace is asked for, at that one alone.
    """
    limits = read_limits(host)
    namespaces = find_namespaces(host)
    alone = None
    if not options.netns:
        tables = read_tables(host, namespaces)
    else:
        from ec2rl.conntrack.alone import of_one

        table = _table_of(host, options.netns, namespaces)
        tables, namespaces = (table,), Namespaces((table.namespace,), None)
        log, alone = of_one(log, table, release(host))
    times = timeline(log)
    clock = host.clock()
    odd = () if host.is_live else _not_understood(host)
    settling = None
    if times.now.lines:
        from ec2rl.diagnosis.fix_history import read_settling

        settling = read_settling(host, MAX, limits.maximum)
        times = timeline(log, settling)
    seen = Observations(
        log=log,
        times=replace(times, not_understood=(*times.not_understood, *odd)),
        limits=limits,
        hidden=namespaces.hidden,
        tables=tables,
        allowances=read_allowances(host, namespaces),
        default_maximum=_default_maximum(host, limits),
        settling=settling,
        period=options.period,
        now=None if clock.by_file else clock.now,
        is_live=host.is_live,
        alone=alone,
    )
    if seen.evicted and host.is_live:
        from ec2rl.diagnosis.fix_history import read_settling

        past = settling or read_settling(host, MAX, limits.maximum)
        seen = replace(seen, raised=past.change is not None and not past.unread)
    if options.sample and _odd(seen):
        later = host.later(options.sample)
        seen = seen.again(
            read_again(later, seen.tables, options.sample),
            risen(seen.allowances, read_allowances(later, namespaces), options.sample),
        )
    worth = [table for table in seen.by_loss if not host.is_live or _troubled(seen, table)]
    if worth:
        from ec2rl.conntrack.table.table_sample import sample_table

        seen = replace(seen, table_sample=sample_table(host, worth))
    free = available_memory(host)
    if free is not None:
        free += max((table.count or 0 for table in seen.tables), default=0) * ENTRY
    seen = replace(seen, free=free, load=load_of(host, seen) if is_short(seen) else None)
    wanted = options.by_hand and table_size(seen).why is not None
    return replace(seen, by_hand=_by_hand(host)) if wanted else seen


def _table_of(host: Host, said: str, known: Namespaces) -> Table:
    """The table of the namespace that is meant; without counters where there is none."""
    one = namespace_meant(host, said, known)
    if isinstance(one, Unreadable):
        return Table(Namespace(None, False, None, (said,), ""), one)
    found = read_tables(host, Namespaces((one,), None))
    return found[0] if found else Table(one, Unreadable(f"netns {said}", Why.ABSENT, GONE))


def _by_hand(host: Host) -> ByHand:
    from ec2rl.conntrack.boot.files import needs_loading
    from ec2rl.conntrack.table.cost import SLABS, object_size

    return ByHand(object_size(host.read(SLABS)), needs_loading(host))


def _not_understood(host: Host) -> tuple[LogLine, ...]:
    """Lines of other texts that hold counts of connection tracking, in a form that is not known."""
    from ec2rl.forms.mend import JOINED

    lines = []
    odd = host.read(f"{ODD}: conntrack -L")
    if isinstance(odd, Evidence):
        parts = (line.partition(JOINED) for line in odd.text.split("\n")[:-1])
        lines += [(source, words) for source, _, words in parts]
    number = host.read("conntrack -C")
    if isinstance(number, Evidence):
        lines += [("what may be conntrack -C", line) for line in number.text.split("\n") if line]
    return tuple(
        LogLine(words, (source,), None, None, None, None, Grade.UNVERIFIED, form=UNKNOWN_FORM)
        for source, words in lines
    )


def _troubled(seen: Observations, table: Table) -> bool:
    """Whether it is worth the time to know what a table consists of."""
    return bool((seen.fill(table) or 0) >= _WORTH_A_LOOK or table.rate("drop"))


def _default_maximum(host: Host, limits: Limits) -> int | None:
    """The limit that this kernel would choose for this memory; None if its rule is unknown."""
    statistics = host.read("/proc/net/stat/nf_conntrack")
    how = rule(
        release(host),
        statistics.text if isinstance(statistics, Evidence) else None,
    )
    if how is None or limits.memory is None:
        return None
    return default_sizes(limits.memory, how).max


def _odd(seen: Observations) -> bool:
    """Whether a second look is worth its time."""
    return bool(
        seen.times.now.lines
        or any(one.exceeded for one in seen.allowances)
        or seen.evicted
        or any(seen.near(table) or table.refused or _lost_otherwise(table) for table in seen.tables)
    )


def _lost_otherwise(table: Table) -> bool:
    counters = table.counters
    return not isinstance(counters, Unreadable) and bool(
        counters.insert_failed or counters.chaintoolong
    )
