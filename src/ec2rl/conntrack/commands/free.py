"""`ec2rl conntrack free`: count the entries that are meant, show, ask, and delete these alone."""

from __future__ import annotations

import heapq

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.conntrack.commands.list import filter_of
from ec2rl.conntrack.commands.shared import INTERRUPTED, failed, targets_of
from ec2rl.conntrack.delete import DeletionBatch, free
from ec2rl.conntrack.queries.ctnetlink import Dump, open_dump
from ec2rl.conntrack.report.entry_text import entry_short
from ec2rl.conntrack.report.free_text import done, matching, plan
from ec2rl.conntrack.report.table_text import WIDE, entries
from ec2rl.conntrack.table.batches import Batch, IdleTimes
from ec2rl.conntrack.table.entry import Entry
from ec2rl.conntrack.table.filters import Filter, alive, idle_time, kind_of
from ec2rl.conntrack.table.freeing import Choice, DeletionResult
from ec2rl.conntrack.table.look import Listing, open_listing
from ec2rl.conntrack.table.sockets import lifelines
from ec2rl.conntrack.table.targets import TableTarget, inside, read_settings
from ec2rl.conntrack.which_namespace import ALL
from ec2rl.fix.prepare import held as signals_held
from ec2rl.fix.prepare import stop_if_asked
from ec2rl.host.caching import CachingHost
from ec2rl.host.files import WrongDoorError, unreadable
from ec2rl.host.live import LiveHost
from ec2rl.host.netns import held
from ec2rl.invocation import to_type
from ec2rl.model import Unreadable
from ec2rl.quantities import grouped
from ec2rl.record import record, replace
from ec2rl.report.escape import one_line
from ec2rl.subcommand import COULD_NOT_LOOK, agreed, document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ec2rl.host import Host
    from ec2rl.model import Json

_SHOWN = 10
"""Live flows that are shown."""
_OFTEN = 5000


def command(args: Parsed, terminal: Terminal) -> int:
    """Delete the entries that are asked for.

    0 deleted, or none matches; 1 refused by you or the kernel; 3 could not look.
    """
    wanted = _wanted(args)
    try:
        host = CachingHost(LiveHost())
        targets = targets_of(args, host)
        if isinstance(targets, Unreadable):
            return failed(terminal, targets)
        (target,) = targets.chosen
        # What is counted and what is deleted is one namespace, whatever its doors lead to by now.
        with held(target.doors) as door:
            target = replace(target, doors=() if door is None else (door,))
            return _free(args, terminal, host, target, wanted)
    except WrongDoorError as error:
        return failed(terminal, unreadable(f"netns {args.last('netns')}", error))
    except KeyboardInterrupt:
        terminal.say("interrupted: nothing was deleted")
        return INTERRUPTED


def _free(args: Parsed, terminal: Terminal, host: Host, target: TableTarget, wanted: Filter) -> int:
    """KeyboardInterrupt where nothing was deleted."""
    settings = read_settings(inside(host, target))
    if isinstance(settings, Unreadable):
        return failed(terminal, settings)
    meant = _Meant(target, wanted, settings)
    listing = meant.listing()
    if isinstance(listing, Unreadable):
        return failed(terminal, listing)
    choice, doomed = _choose(terminal, host, meant, listing, args.has("dry-run"))
    if choice.unnamed:
        terminal.say("the entries could only be read as text: deleting needs CAP_NET_ADMIN")
        return COULD_NOT_LOOK
    write = format_of(args).write
    if write is None:
        terminal.out(plan(choice, terminal.width or WIDE))
    if args.has("dry-run") or not doomed.count:
        terminal.out("" if write is None else write(document(**_facts(choice, None))))
        return 0
    if write is not None and not args.has("yes"):
        terminal.say("nothing was deleted: only --output=text asks; --yes does it")
        return 1
    if not args.has("yes") and not agreed(terminal):
        return 1
    status = None
    try:
        with signals_held():  # what is deleted is told as well
            status = _delete(args, terminal, meant, choice, doomed)
    except KeyboardInterrupt:
        if status is None:
            raise
        return INTERRUPTED
    return status


def _wanted(args: Parsed) -> Filter:
    if args.has("replay"):
        raise UsageError(
            "free deletes from a table of this machine, and a recording has none; to see what "
            f"would be meant: {to_type('conntrack list', root=False)} --replay=FILE, with the "
            "same filters"
        )
    wanted = filter_of(args)
    if not wanted.any:
        raise UsageError("free needs a filter, as --unreplied or --src=ADDRESS: it never takes all")
    if args.last("netns") == ALL:
        raise UsageError("free takes one namespace at a time")
    return wanted


@record(frozen=True)
class _Meant:
    """The entries of a table that the filters mean, with the timeouts that are in force there."""

    target: TableTarget
    wanted: Filter
    settings: Mapping[str, int]

    def listing(self) -> Listing | Unreadable:
        return open_listing(self.target.door, wanted=self.wanted)

    def left(self) -> int | None:
        """How many there are now; None where that cannot be told, or a signal waits."""
        listing, found = self.listing(), 0
        if isinstance(listing, Unreadable):
            return None
        try:
            for sifted in listing.sifted(self.wanted, self.settings):
                stop_if_asked()
                found += sum(len(batch.bodies) for batch in sifted.batches) + len(sifted.entries)
        except (OSError, KeyboardInterrupt):
            return None
        return found


def _choose(
    terminal: Terminal, host: Host, meant: _Meant, listing: Listing, dry_run: bool
) -> tuple[Choice, DeletionBatch]:
    """Take up the entries that are meant, but for those that a session may hang on."""
    target, found = meant.target, _Found(lifelines(host), meant.settings, dry_run)
    seen = 0
    for sifted in listing.sifted(meant.wanted, meant.settings):
        if not seen or (seen + sifted.seen) // _OFTEN > seen // _OFTEN:
            terminal.progress(
                f"{one_line(target.label)}: {entries(seen)} seen, {matching(found.matched)}"
            )
        for entry in sifted.entries:
            found.add(entry)
        for batch in sifted.batches:
            found.add_batch(batch)
        seen += sifted.seen
    return (
        Choice(
            target.label, number_of(target), found.matched, found.kept, found.doomed.count,
            found.live, found.shown(), found.unnamed, listing.gaps(),
        ),
        found.doomed,
    )  # fmt: skip


class _Found:
    """What becomes of the entries that are meant; on a dry run their numbers alone are kept."""

    def __init__(
        self,
        lines: frozenset[frozenset[tuple[bytes, int]]],
        settings: Mapping[str, int],
        dry_run: bool,
    ) -> None:
        self.matched = self.kept = self.live = self.unnamed = 0
        self.doomed = DeletionBatch()
        self._lines, self._settings, self._dry_run = lines, settings, dry_run
        self._idle = IdleTimes(settings)
        self._hosts = {address for line in lines for address, _ in line}
        self._freshest: list[tuple[int, int, str]] = []

    def add(self, entry: Entry) -> None:
        """Take one entry up."""
        self.matched += 1
        if self._lines & _connections(entry):
            self.kept += 1
        elif entry.id is None:
            self.unnamed += 1
        elif (self.doomed.count_more(1) if self._dry_run else self.doomed.add(entry)) and alive(
            kind_of(entry)
        ):
            self._add_live(idle_time(entry, self._settings), lambda: entry)

    def add_batch(self, batch: Batch) -> None:
        """Take entries of one layout up, which are decoded only where that matters."""
        number = len(batch.bodies)
        if not self._dry_run or "id" not in batch.form.names:
            for at in range(number):
                self.add(batch.entry(at))
            return
        columns = batch.columns("src", "dst", "-src", "-dst", "timeout")
        may_hang = self._between_hosts(columns["src"], columns["dst"])
        may_hang |= self._between_hosts(columns["-src"], columns["-dst"])
        for at in sorted(may_hang):
            self.add(batch.entry(at))
        rest: Sequence[int] = range(number)
        if may_hang:
            rest = [at for at in rest if at not in may_hang]
        self.matched += len(rest)
        times: Sequence[int | bytes | None] = columns.get("timeout", [None] * number)
        for at in rest[: self.doomed.count_more(len(rest))]:
            kind = batch.kinds[at]
            if kind.is_alive:
                idle = self._idle.of(kind, times[at])  # type: ignore[arg-type]
                self._add_live(idle, lambda at=at: batch.entry(at))  # type: ignore[misc]

    def _between_hosts(self, sources: Sequence[object], destinations: Sequence[object]) -> set[int]:
        """Where both ends are hosts that a session has."""
        near = self._hosts
        if near.isdisjoint(sources):
            return set()
        ends = enumerate(zip(sources, destinations))
        return {at for at, (here, there) in ends if here in near and there in near}

    def _add_live(self, idle: int | None, decode: Callable[[], Entry]) -> None:
        self.live += 1
        rank = -(1 << 31) if idle is None else -idle, -self.live
        if len(self._freshest) < _SHOWN:
            heapq.heappush(self._freshest, (*rank, entry_short(decode(), idle)))
        elif rank > self._freshest[0][:2]:
            heapq.heapreplace(self._freshest, (*rank, entry_short(decode(), idle)))

    def shown(self) -> tuple[str, ...]:
        """Give lines of those that spoke last."""
        return tuple(line for _, _, line in sorted(self._freshest, reverse=True))


def number_of(target: TableTarget) -> int | None:
    """Give the kernel's count of a table's entries now."""
    dump = open_dump(target.door)
    if not isinstance(dump, Dump):
        return None
    with dump:
        return dump.count()


def _connections(entry: Entry) -> set[frozenset[tuple[bytes, int]]]:
    """Both directions of an entry as pairs of ends, to be met by a socket's."""
    return {
        frozenset(
            ((flow.source, flow.source_port or 0), (flow.destination, flow.destination_port or 0))
        )
        for flow in (entry.original, entry.reply)
    }


def _delete(
    args: Parsed,
    terminal: Terminal,
    meant: _Meant,
    choice: Choice,
    doomed: DeletionBatch,
) -> int:
    target = meant.target

    def progress(answered: int) -> None:
        if answered % 64_00 == 0:
            terminal.progress(
                f"{one_line(target.label)}: {grouped(answered)} of {entries(doomed.count)}"
            )

    freed = free(doomed, target.door, progress)
    if isinstance(freed, Unreadable):
        return failed(terminal, freed)
    after, left = number_of(target), None if freed.interrupted else meant.left()
    write = format_of(args).write
    if write is None:
        terminal.out(done(choice, freed, after, left, terminal.width or WIDE))
    else:
        facts = document(**_facts(choice, freed), count_after=after, match_after=left)
        terminal.out(write(facts))
    if freed.interrupted:
        return INTERRUPTED
    return 1 if freed.refused else 0


def _facts(choice: Choice, freed: DeletionResult | None) -> dict[str, Json]:
    """What was chosen, and what became of it; null for what was not done."""
    return {
        "table": choice.table,
        "count_before": choice.count,
        "matched": choice.matched,
        "kept_for_sessions": choice.kept,
        "chosen": choice.chosen,
        "left_for_another_run": choice.left,
        "live": choice.live,
        "live_shown": list(choice.shown),
        "gaps": list(choice.gaps),
        "deleted": None if freed is None else freed.deleted,
        "gone_by_themselves": None if freed is None else freed.gone,
        "refused": None if freed is None else [[code, n] for code, n in freed.refused],
        "interrupted": None if freed is None else freed.interrupted,
    }
