"""`ec2rl conntrack list`: entries as text, all or those that every filter admits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ec2rl.arguments import Parsed, UsageError, seconds, whole_number
from ec2rl.conntrack.commands.shared import (
    INTERRUPTED,
    answered,
    chosen,
    failed,
    recording_of,
    targets_of,
)
from ec2rl.conntrack.report.entry_text import entry_line
from ec2rl.conntrack.report.table_json import entry_facts
from ec2rl.conntrack.report.table_text import WIDE, not_looked_into
from ec2rl.conntrack.table.filters import (
    Filter,
    FilterError,
    idle_time,
    parse_net,
    parse_protocol,
    parse_state,
)
from ec2rl.conntrack.table.look import Listing, open_listing
from ec2rl.conntrack.table.targets import inside, known_settings, worth_a_walk
from ec2rl.facts.services import ports
from ec2rl.host.live import LiveHost
from ec2rl.model import Unreadable
from ec2rl.quantities import plural
from ec2rl.report.escape import one_line, untied
from ec2rl.report.offline import recorded
from ec2rl.report.wording import text
from ec2rl.report.wrap import filled
from ec2rl.subcommand import COULD_NOT_LOOK, document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.conntrack.table.entry import Entry
    from ec2rl.host import Host
    from ec2rl.model import Json

_NO_TIMES = (
    "how long an entry has been idle is known only where the timeouts in force are, and they are "
    "not: --sysctl=FILE takes what `sysctl -a` printed on the machine of a saved table"
)
_PASSED = 5_000_000
"""Entries of others that the kernel may pass by where all tables are listed: half a second."""

_TOGETHER = 500
"""Lines that are printed at once."""


def command(args: Parsed, terminal: Terminal) -> int:
    """List entries: 0, 2 for a filter that makes no sense, 3 could not look, 130 interrupted."""
    wanted = filter_of(args)
    limit = whole_number("limit", args.last("limit"), 1, 1 << 40) if args.has("limit") else None

    def show(host: Host, _: object) -> int:
        return _show(args, terminal, host, wanted, limit)

    return answered(args, terminal, show, heads=False)


def _show(args: Parsed, terminal: Terminal, host: Host, wanted: Filter, limit: int | None) -> int:
    if args.has("replay"):
        terminal.say(text(recorded(host.name, host.clock())))
    targets = targets_of(args, host)
    if isinstance(targets, Unreadable):
        return failed(terminal, targets)
    printer = _Printer(terminal, args.has("json"))
    looked, left = worth_a_walk(targets, _PASSED)
    missing = [untied(not_looked_into(left))] if left else []
    status = COULD_NOT_LOOK if left else 0
    try:
        for target in chosen(args, looked):
            times = known_settings(inside(host, target))
            if wanted.idle_over is not None and not times:
                missing.append(f"{target.label}: {_NO_TIMES}")
                status = COULD_NOT_LOOK
                continue
            listing = open_listing(
                target.door, target.label if args.has("file") else None, wanted, host
            )
            if isinstance(listing, Unreadable):
                missing.append(str(listing))
                status = COULD_NOT_LOOK
            elif (
                printer.print(admitted(listing, wanted, times), target.label, times, limit)
                if args.has("json")
                else printer.print_lines(listing.lines(wanted, times, _line), limit)
            ):
                more = plural(limit or 0, "entry matches/entries match")
                missing.append(f"more than {more}: --limit shows more")
                break
            else:
                missing += [f"{target.label}: {gap}" for gap in listing.gaps()]
    except KeyboardInterrupt:
        missing.append(f"interrupted after {plural(printer.printed, 'entry/entries')}")
        status = INTERRUPTED
    printer.end(missing, recording_of(args, host))
    for words in () if terminal.closed else missing:
        terminal.say(words)
    return status


def filter_of(args: Parsed) -> Filter:
    """Give the conditions that the options name. UsageError for one that makes no sense."""
    try:
        return Filter(
            parse_net(args.last("src")) if args.has("src") else None,
            parse_net(args.last("dst")) if args.has("dst") else None,
            _port(args),
            parse_protocol(args.last("protocol")) if args.has("protocol") else None,
            tuple(map(parse_state, args.names("state") or ())),
            args.has("unreplied"),
            seconds("idle-over", args.last("idle-over"), 0, 1e9) if args.has("idle-over") else None,
            _number(args, "mark", 0xFFFFFFFF),
            _number(args, "zone", 0xFFFF),
        )
    except FilterError as error:
        raise UsageError(str(error)) from None


def _number(args: Parsed, option: str, most: int) -> int | None:
    if not args.has(option):
        return None
    text = args.last(option)
    digits = text[2:].lower() if text[:2] in ("0x", "0X") else ""
    if 0 < len(digits) < 9 and set(digits) <= set("0123456789abcdef") and int(digits, 16) <= most:
        return int(digits, 16)
    return whole_number(option, text, 0, most)


def _port(args: Parsed) -> int | None:
    """A port by its number, or by the name of its service on this machine."""
    text = args.last("dport")
    if not text[:1].isalpha() or not (text.isascii() and len(text) < 40):
        return _number(args, "dport", 0xFFFF)
    services = LiveHost().read("/etc/services")
    if isinstance(services, Unreadable):
        raise UsageError(f"--dport={text}: {services}: take a number from 0 to 65,535")
    known = ports(services.text, text)
    wanted = args.last("protocol").lower()
    number = {known[wanted]} if wanted in known else set(known.values())
    if not number:
        raise UsageError(
            f"--dport={text}: no service in /etc/services: take a number from 0 to 65,535"
        )
    if len(number) > 1:
        said = ", ".join(f"{port}/{protocol}" for protocol, port in known.items())
        raise UsageError(f"--dport={text}: may be one of several, take one: {said}")
    return number.pop()


def admitted(listing: Listing, wanted: Filter, settings: Mapping[str, int]) -> Iterator[Entry]:
    """Give the entries that are meant."""
    return (entry for entry in listing if wanted.admits(entry, settings))


def _line(entry: Entry) -> str:
    return one_line(entry_line(entry))


class _Printer:
    """Prints entries as they come, in constant memory; as JSON it is one document to the end."""

    def __init__(self, terminal: Terminal, as_json: bool) -> None:
        self._terminal, self._json = terminal, as_json
        self._waiting: list[str] = []
        self._width = terminal.width or WIDE
        self.printed = 0
        if as_json:
            import json

            terminal.out(json.dumps(document())[:-1] + ', "entries": [')

    def print_lines(self, found: Iterable[list[str]], limit: int | None) -> bool:
        """Whether it ended before all lines had been seen."""
        for lines in found:
            room = len(lines) if limit is None else limit - self.printed
            self.printed += len(lines[:room])
            shown = lines[:room] if self._width >= WIDE else map(self._filled, lines[:room])
            self._waiting += shown
            if len(self._waiting) >= _TOGETHER:
                self._flush_lines()
            if room < len(lines) or self._terminal.closed:
                self._flush_lines()
                return True
        self._flush_lines()
        return False

    def _flush_lines(self) -> None:
        self._waiting.append("")  # each line has its end
        self._terminal.out("\n".join(self._waiting))
        self._waiting.clear()

    def _filled(self, line: str) -> str:
        return "\n".join(filled("", line, "    ", self._width))

    def print(
        self, found: Iterable[Entry], table: str, settings: Mapping[str, int], limit: int | None
    ) -> bool:
        """Whether it ended before all entries had been seen; as JSON."""
        import json

        for entry in found:
            if self.printed == limit or self._terminal.closed:
                return True
            self.printed += 1
            facts = {"table": table, **entry_facts(entry, idle_time(entry, settings))}
            self._waiting.append("," * (self.printed > 1) + "\n" + json.dumps(facts))
            if len(self._waiting) == _TOGETHER:
                self._flush()
        self._flush()
        return False

    def _flush(self) -> None:
        self._terminal.out("".join(self._waiting))
        self._waiting.clear()

    def end(self, missing: list[str], more: Mapping[str, Json]) -> None:
        """Print what is left over, and as JSON what is not there, and `more`."""
        import json

        self._flush()
        if self._json:
            end = json.dumps({"whole": not missing, "missing": missing, **more})
            self._terminal.out(f"\n], {end[1:]}\n")
