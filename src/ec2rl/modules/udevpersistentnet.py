"""An interface is bound to a MAC address that no card of this machine has, or of the next one."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.model import (
    Finding,
    FixRequest,
    Proposal,
    Statement,
    Unreadable,
    Verdict,
    fix_with,
    helps,
    more,
    next_step,
    say,
    see_page,
)
from ec2rl.module import ACCESS, Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.facts.net_bindings import Binding
    from ec2rl.model import Fact
    from ec2rl.remedies import EditLines

NAME = "udevpersistentnet"
_NET = "/sys/class/net"
_NAMED, _MOST = 4, 256
_OTHER_MAC = "has different MAC address than expected, ignoring"
"""What ifup of initscripts says of an HWADDR that is another card's."""


@record(frozen=True)
class Card:
    """An interface of this machine; `is_real` is whether a device is behind it."""

    name: str
    mac: str
    state: str
    is_real: bool


@record(frozen=True)
class Seen:
    """What is bound, what could not be read of that, and the interfaces that there are.

    `cards` is None where no machine runs; `told` is a line of a console's that tells of it.
    """

    bindings: tuple[Binding, ...] = ()
    unread: tuple[Unreadable, ...] = ()
    cards: tuple[Card, ...] | Unreadable | None = None
    told: str | None = None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read files that bind, and the interfaces; of a console what it tells."""
    from ec2rl.facts.net_bindings import read_bindings

    bindings, unread = read_bindings(host)
    if host.is_live:
        return Seen(bindings, unread, _cards(host) if bindings else ())
    if not bindings and unread:
        from ec2rl.host.queries.boot_text import BootText

        printed = host.query(BootText())
        lines = () if isinstance(printed, Unreadable) else printed.text.split("\n")
        line = next((one.strip()[:200] for one in lines if _OTHER_MAC in one), None)
        return Seen(bindings, unread, None, line)
    return Seen(bindings, unread)


def _cards(host: Host) -> tuple[Card, ...] | Unreadable:
    names = host.names(_NET)
    if isinstance(names, Unreadable):
        return names
    found = []
    for name in names[:_MOST]:
        where = f"{_NET}/{name}"
        own, shown = host.read(f"{where}/bonding_slave/perm_hwaddr"), host.read(f"{where}/address")
        mac = shown if isinstance(own, Unreadable) else own
        state = host.read(f"{where}/operstate")
        found.append(Card(name, "" if isinstance(mac, Unreadable) else mac.text.strip().lower(),
                          "" if isinstance(state, Unreadable) else state.text.strip(),
                          not isinstance(host.link(f"{where}/device"), Unreadable)))  # fmt: skip
    return tuple(found)


def judge(seen: Seen) -> Finding:
    """Judge by which MAC addresses are there; of a volume by what is bound at all."""
    facts: dict[str, Fact] = {
        "bindings": [
            {"path": one.path, "line": one.number, "mac": one.mac, "name": one.name or None,
             "form": one.form, "stale": one in stale_of(seen)}
            for one in seen.bindings
        ]
    }  # fmt: skip
    lost = seen.cards if isinstance(seen.cards, Unreadable) else next(iter(seen.unread), None)
    if seen.told is not None:
        said = say("An interface was left without its configuration: {line}", line=seen.told)
        how = helps(say("What helps: remove HWADDR from its ifcfg file, on its volume"))
        return Finding(Verdict.WARNING, said, (how, see_page(NAME)), facts=facts)
    if seen.cards is None and seen.bindings:
        return _of_volume(seen, facts)
    stale = stale_of(seen)
    if not stale or isinstance(seen.cards, Unreadable):
        if lost is not None:
            words = "Cannot tell whether an interface is bound to another MAC address: {why}"
            rest = (next_step("Next: {collect_all}"),)
            return Finding(Verdict.UNKNOWN, say(words, why=lost), rest, facts=facts)
        if not seen.bindings:
            return Finding(Verdict.OK, say("No interface is bound to a MAC address."), facts=facts)
        words = "All MAC addresses that interfaces are bound to are there ({n})."
        return Finding(Verdict.OK, say(words, n=len(seen.bindings)), facts=facts)
    cards = seen.cards or ()
    real = [one for one in cards if one.is_real]
    is_cut_off = bool(real) and all(one.state == "down" for one in real)
    words = "{what} to the MAC address {mac}, which no interface has{more}"
    more_ = ", and every card of the machine is down" if is_cut_off else ""
    said = say(words, what=_what(stale[0]), mac=stale[0].mac, more=more_)
    there = say("MAC addresses that are there: {macs:, }",
                macs=tuple(f"{one.mac} ({one.name})" for one in real[:_NAMED]))  # fmt: skip
    details = [*map(_line, stale[:_NAMED]), *([there] if real else []), *_how(stale)]
    verdict = Verdict.PROBLEM if is_cut_off else Verdict.WARNING
    return Finding(verdict, said, (*details, see_page(NAME)), facts=facts)


def stale_of(seen: Seen) -> tuple[Binding, ...]:
    """Give the bindings to MAC addresses that no interface has, where interfaces are known.

    A line that names several is not stale while one of them is there.
    """
    if seen.cards is None or isinstance(seen.cards, Unreadable):
        return ()
    macs = {one.mac for one in seen.cards}
    there = {(one.path, one.number) for one in seen.bindings if one.mac in macs}
    return tuple(one for one in seen.bindings if (one.path, one.number) not in there)


def _of_volume(seen: Seen, facts: dict[str, Fact]) -> Finding:
    own = [one for one in seen.bindings if not one.is_clouds]
    if not own:
        words = "Interfaces are bound to MAC addresses by cloud-init, which does it anew elsewhere."
        told = tuple(more(_line(one)) for one in seen.bindings[:_NAMED])
        return Finding(Verdict.OK, say(words), told, facts=facts)
    words = "{what} to the MAC address {mac}: on an instance that has another one it is not found"
    said = say(words, what=_what(own[0]), mac=own[0].mac)
    rest = (*map(_line, own[:_NAMED]), *_how(own), see_page(NAME))
    return Finding(Verdict.WARNING, said, rest, facts=facts)


def _what(one: Binding) -> Statement:
    if one.name:
        return say("The interface {name} is bound", name=one.name)
    return say("A configuration of the network is bound")


def _line(one: Binding) -> Statement:
    return say("{path}, line {n}: {text}", path=one.path, n=one.number,
               text=one.lines[0].strip()[:200])  # fmt: skip


def _how(found: Sequence[Binding]) -> tuple[Statement, ...]:
    if any(_is_ours(one) for one in found):
        return (fix_with(NAME),)
    return (helps(say("What helps: remove the MAC address from {path}", path=found[0].path)),)


def _is_ours(one: Binding) -> bool:
    """Whether lines of it can be taken out, and nothing else loses its sense."""
    from ec2rl.facts.net_bindings import IFCFG, RULE

    texts = [line.replace("\t", " ").removesuffix("\r") for line in one.lines]
    # Bytes that are no UTF-8 are shown as \xNN, and cannot be compared with what they were.
    is_text = all(text.isprintable() and "\\x" not in text for text in texts)
    return one.form in (RULE, IFCFG) and is_text


def propose(host: Host, seen: Seen, request: FixRequest) -> Proposal:
    """Plan to take out udev rules and HWADDR lines that bind to what is not there."""
    from ec2rl.model import Remedy, Risk

    if not request.boot:
        return Proposal(refused=("names are given at boot: there is nothing that runs",))
    is_volume = seen.cards is None
    found = stale_of(seen)
    if is_volume:
        found = tuple(one for one in seen.bindings if not one.is_clouds)
    ours = [one for one in found if _is_ours(one)]
    hands = tuple(f"vi +{one.number} {one.path}    # {one.mac}" for one in found)
    if not ours:
        why = ("no udev rule and no HWADDR line binds to what is not there",) if found else ()
        return Proposal(refused=why, by_hand=hands if host.is_live else ())
    notes = tuple(f"Left as it is: {one.path}, line {one.number}: {one.lines[0].strip()[:200]}"
                  for one in found if one not in ours)  # fmt: skip
    several = is_volume and len({one.mac for one in ours}) > 1
    caveat = ""
    if several:
        caveat = "several interfaces are bound: without it the next boot may name them otherwise"
    title = "Let interfaces be found whatever their MAC address is"
    remedy = Remedy(title, _edits(ours), Risk.RISKY if several else Risk.SAFE, caveat)
    after = ("interfaces are named, and configured, without it",)
    return Proposal((remedy,), notes=notes, after=after, by_hand=hands if host.is_live else ())


def _edits(found: Sequence[Binding]) -> tuple[EditLines, ...]:
    from ec2rl.remedies import EditLines, Lines

    files: dict[str, dict[int, Lines]] = {}
    for one in found:
        old = tuple(line.removesuffix("\r") for line in one.lines)
        files.setdefault(one.path, {})[one.number] = Lines(one.number, old, ())
    return tuple(
        EditLines(path, tuple(edits[number] for number in sorted(edits)))
        for path, edits in files.items()
    )


MODULE = Module(
    name=NAME,
    title="No interface is bound to a MAC address that is gone",
    domain="net",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, for NetworkManager's files",
    propose=propose,
    by_hand=lambda _: ("ip -br link", "grep -rin -e address -e hwaddr /etc/udev/rules.d"),
    rank=ACCESS,
)
