"""What the subcommands of `ec2rl conntrack` share: which tables, how to look, what to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from ec2rl import arguments
from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.conntrack.defaults import SYSCTL
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.look import census_of_capture, take_census
from ec2rl.conntrack.table.targets import (
    TableTarget,
    TableTargets,
    find_targets,
    inside,
    known_settings,
)
from ec2rl.conntrack.tables import read_limits
from ec2rl.conntrack.which_namespace import ALL
from ec2rl.facts.zone import InZone, our_zone, zone
from ec2rl.host import Host
from ec2rl.host.bare import bare
from ec2rl.host.caching import CachingHost
from ec2rl.host.files import read_file
from ec2rl.host.live import LiveHost
from ec2rl.host.netns import held
from ec2rl.host.recording import RecordedHost
from ec2rl.host.sos_layout import SETTINGS, settings
from ec2rl.model import Unreadable, Why
from ec2rl.quantities import grouped
from ec2rl.record import replace
from ec2rl.report.escape import one_line
from ec2rl.report.offline import recorded
from ec2rl.report.text import for_terminal
from ec2rl.report.wording import text
from ec2rl.subcommand import COULD_NOT_LOOK, document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Callable

    from ec2rl.model import Json

INTERRUPTED = 130
UNSAVED = 4
"""Exit status when all was shown, and the recording could not be written."""


def host_of(args: Parsed) -> Host | Unreadable:
    """Tell what a table is judged by: this machine.

    Of a saved table what --sysctl tells of its own.
    """
    if not args.has("file"):
        if args.has("sysctl"):
            raise UsageError("--sysctl is of the machine that the table of --file is from")
        return CachingHost(LiveHost())
    if not args.has("sysctl"):
        return RecordedHost({}, missing=Why.NOT_COLLECTED)
    text = read_file(args.last("sysctl"))
    if isinstance(text, Unreadable):
        return text
    found = {
        path: value
        for path, value in settings(bare(text.text.encode()).decode(), SETTINGS).items()
        if path.startswith(SYSCTL) and value.strip().isdecimal()
    }
    if not found:
        return Unreadable(text.source, Why.FAILED, "no setting of conntrack is in it")
    return RecordedHost(found, missing=Why.NOT_COLLECTED)


def targets_of(args: Parsed, host: Host, netns: str = "") -> TableTargets | Unreadable:
    """Give the tables that the options mean; the capture of --file is a table of its own.

    `netns` is the namespace where none is named, "" for our own.
    """
    if args.has("file"):
        if args.has("netns"):
            raise UsageError("--file and --netns exclude each other")
        target = TableTarget(args.last("file"), (), None, here=False)
        return TableTargets((target,), (), read_limits(host), None)
    found = find_targets(host, args.last("netns", netns))
    if isinstance(found, Unreadable) or not args.has("replay"):
        return found
    return replace(found, chosen=tuple(replace(one, here=False) for one in found.chosen))


def answered(
    args: Parsed,
    terminal: Terminal,
    show: Callable[[Host, dict[str, str]], int],
    heads: bool = True,
) -> int:
    """Have `show` look at this machine, or at a recording of it, and give its exit status.

    `show` is given the words that a recording has on how was looked, and may add some to one that
    is written.  With `heads` an answer in words begins with whose it is, where it is a recording's.
    """
    write = format_of(args).write
    if (args.has("file") or args.has("sysctl")) and (args.has("record") or args.has("replay")):
        raise UsageError("--file, --sysctl: a table by itself: not with --record or --replay")
    if args.has("mask") and not args.has("record"):
        raise UsageError("--mask is about what --record writes")
    if args.has("replay"):
        if args.has("record"):
            raise UsageError("--record is of this machine: not with --replay")
        return _replayed(args, terminal, show, heads and write is None)
    if not args.has("record"):
        seen = host_of(args)
        return failed(terminal, seen) if isinstance(seen, Unreadable) else show(seen, {})
    from ec2rl.recordings import open_record, write_record

    fd = open_record(args.last("record"), terminal.environment)
    host, how = CachingHost(LiveHost(), recording=True), {"zone": our_zone()}
    host.clock()
    try:
        status = show(host, how)
    except KeyboardInterrupt:
        terminal.say("interrupted: what was looked at is recorded")
        status = INTERRUPTED
    fault = write_record(fd, host.memory, how, masked=args.has("mask"))
    if fault:
        terminal.say(fault)
    return status or (UNSAVED if fault else 0)


def _replayed(
    args: Parsed, terminal: Terminal, show: Callable[[Host, dict[str, str]], int], heads: bool
) -> int:
    from ec2rl.recordings import open_recording

    recording = open_recording(args.last("replay"))
    host = CachingHost(recording.host)
    with InZone(recording.how.get("zone", "") or zone(host)):
        if heads:
            whose = f"{text(recorded(host.name, host.clock()))}:"
            terminal.out(for_terminal(whose, terminal.width) + "\n\n")
        status = show(host, dict(recording.how))
    if recording.cut:
        terminal.say(f"Not whole: {recording.cut}; what is missing may have stood there")
    return status or (COULD_NOT_LOOK if recording.cut else 0)


def document_of(args: Parsed, host: Host, **content: Json) -> Mapping[str, Json]:
    """Make the document of an answer; of a recording it says whose it is, and of when."""
    return document(**content, **recording_of(args, host))


def recording_of(args: Parsed, host: Host) -> dict[str, Json]:
    """Say which recording an answer is of, and of when (seconds since the epoch; null: unknown)."""
    if not args.has("replay"):
        return {}
    return {"recorded": {"name": host.name, "time": host.clock().now or None}}


def chosen(args: Parsed, targets: TableTargets) -> Iterator[TableTarget]:
    """Yield the tables in turn, each namespace held open meanwhile.

    All that is told of it is its own.

    One that no door leads to comes as it is: whoever looks at it is told the reason.
    """
    for target in targets.chosen:
        with kept(args, target) as one:
            yield one


@contextmanager
def kept(args: Parsed, target: TableTarget) -> Iterator[TableTarget]:
    """Give a table with its namespace held open, where a door leads to it."""
    if args.has("replay"):  # its doors are another machine's
        yield target
        return
    with ExitStack() as stack:
        with suppress(OSError):
            door = stack.enter_context(held(target.doors))
            target = target if door is None else replace(target, doors=(door,))
        yield target


def count_table(
    args: Parsed,
    terminal: Terminal,
    host: Host,
    target: TableTarget,
    first: int | None = None,
    keep: int = 100,
) -> Census | Unreadable:
    """Count one table, with words on the progress; of a capture always all.

    `first` and `keep` are those of `take_census`.
    """
    times = known_settings(inside(host, target))
    if args.has("file"):
        return census_of_capture(target.label, times, keep)
    whole = target.count or 0

    def progress(seen: int) -> None:
        share = f" of {grouped(whole)} ({min(99, 100 * seen // whole)}%)" if whole else ""
        terminal.progress(
            f"{one_line(target.label)}: {grouped(seen)}{share} entries; Ctrl-C shows what was seen"
        )

    return take_census(target.door, times, first, None if first else progress, keep, host)


def was_interrupted(census: Census | Unreadable) -> bool:
    """Tell whether Ctrl-C ended a census before its time."""
    return isinstance(census, Census) and census.interrupted


def count_tables(
    args: Parsed, terminal: Terminal, host: Host, targets: TableTargets
) -> Iterator[tuple[TableTarget, Census | Unreadable]]:
    """Count the chosen tables in turn; an interrupted one is the last."""
    for target in chosen(args, targets):
        census = count_table(args, terminal, host, target)
        yield target, census
        if was_interrupted(census):
            return


def failed(terminal: Terminal, why: Unreadable) -> int:
    """Say why nothing can be shown."""
    terminal.say(str(why))
    return COULD_NOT_LOOK


def nothing_to_show(args: Parsed, targets: TableTargets, netns: str = "") -> str:
    """Tell what is said where no table has an entry, "" where there is one to look at."""
    if targets.chosen:
        return ""
    if targets.limits.loaded is False:
        return "Connection tracking is not loaded: there is no table.\n"
    words = "No network namespace has an entry" if args.last("netns", netns) == ALL else "No table"
    hidden = "" if targets.hidden is None else f" (not seen: {text(targets.hidden)})"
    return f"{words}{hidden}.\n"


def whole_number(args: Parsed, option: str, default: int, most: int) -> int:
    """Give the value of an option that takes a number from 1 on. UsageError for anything else."""
    return arguments.whole_number(option, args.last(option, str(default)), 1, most)
