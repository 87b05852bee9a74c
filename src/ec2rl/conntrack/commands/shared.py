"""What the subcommands of `ec2rl conntrack` share: which tables, how to look, what to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from ec2rl.arguments import Parsed, UsageError
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.look import census_of_capture, take_census
from ec2rl.conntrack.table.places import ALL, Place, Places, find_places, inside, read_settings
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.conntrack.tables import Limits
from ec2rl.host import Host
from ec2rl.host.netns import held
from ec2rl.model import Unreadable
from ec2rl.record import replace
from ec2rl.report.escape import one_line
from ec2rl.report.wording import text
from ec2rl.subcommand import COULD_NOT_LOOK
from ec2rl.terminal import Terminal

INTERRUPTED = 130

_ASSUMED = "the timeouts in force could not be read: idle times are told by the kernel's defaults"


def places_of(said: Parsed, host: Host, netns: str = "") -> Places | Unreadable:
    """The tables that the options mean; the capture of --file is a place of its own.

    `netns` is the namespace where none is named, "" for our own.
    """
    if said.has("file"):
        if said.has("netns"):
            raise UsageError("--file and --netns exclude each other")
        place = Place(said.last("file"), (), None)
        return Places((place,), (), Limits(None, None, None, None), None)
    return find_places(host, said.last("netns", netns))


def chosen(places: Places) -> Iterator[Place]:
    """The tables in turn, each namespace held open meanwhile: all that is told of it is its own.

    One that no door leads to comes as it is: whoever looks at it is told the reason.
    """
    for place in places.chosen:
        with kept(place) as one:
            yield one


@contextmanager
def kept(place: Place) -> Iterator[Place]:
    """A place with its namespace held open, where a door leads to it."""
    with ExitStack() as stack:
        with suppress(OSError):
            door = stack.enter_context(held(place.doors))
            place = place if door is None else replace(place, doors=(door,))
        yield place


def look(
    said: Parsed,
    terminal: Terminal,
    host: Host,
    place: Place,
    first: int | None = None,
    keep: int = 100,
) -> Census | Unreadable:
    """Count one table, with words on the progress; of a capture always all.

    `first` and `keep` are those of `take_census`.
    """
    if said.has("file"):
        return census_of_capture(place.label, keep=keep)
    settings = read_settings(inside(host, place))
    assumed = isinstance(settings, Unreadable)
    whole = place.count or 0

    def progress(seen: int) -> None:
        share = f" of {whole} ({min(99, 100 * seen // whole)}%)" if whole else ""
        terminal.progress(
            f"{one_line(place.label)}: {seen}{share} entries; Ctrl-C shows what was seen"
        )

    census = take_census(
        place.door,
        DEFAULTS if isinstance(settings, Unreadable) else settings,
        first,
        None if first else progress,
        keep,
        host,
    )
    if isinstance(census, Census) and assumed:
        return replace(census, gaps=(*census.gaps, _ASSUMED))
    return census


def was_interrupted(census: Census | Unreadable) -> bool:
    """Whether Ctrl-C ended a census before its time."""
    return isinstance(census, Census) and any(gap.startswith("interrupted") for gap in census.gaps)


def looks(
    said: Parsed, terminal: Terminal, host: Host, places: Places
) -> Iterator[tuple[Place, Census | Unreadable]]:
    """Count the chosen tables in turn; an interrupted one is the last."""
    for place in chosen(places):
        census = look(said, terminal, host, place)
        yield place, census
        if was_interrupted(census):
            return


def failed(terminal: Terminal, why: Unreadable) -> int:
    """Say why nothing can be shown."""
    terminal.say(str(why))
    return COULD_NOT_LOOK


def nothing_to_show(said: Parsed, places: Places, netns: str = "") -> str:
    """What is said where no table has an entry, "" where there is one to look at."""
    if places.chosen:
        return ""
    if places.limits.loaded is False:
        return "Connection tracking is not loaded: there is no table.\n"
    words = "No network namespace has an entry" if said.last("netns", netns) == ALL else "No table"
    hidden = "" if places.hidden is None else f" (not seen: {text(places.hidden)})"
    return f"{words}{hidden}.\n"


def whole_number(said: Parsed, option: str, default: int, most: int) -> int:
    """The value of an option that takes a number from 1 on. UsageError for anything else."""
    text = said.last(option, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and 1 <= int(text) <= most):
        raise UsageError(f"--{option}={text}: not a number from 1 to {most}")
    return int(text)
