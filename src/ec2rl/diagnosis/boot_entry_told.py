"""The verdict on the default entry of a boot loader, and what to do where it cannot be started."""

from __future__ import annotations

from ec2rl.diagnosis.boot_entry_fix import initrd_anew, target
from ec2rl.diagnosis.boot_entry_look import MODULES, EntryLook, Item, Taken
from ec2rl.facts.loader.check import Checked, Fault, Harm
from ec2rl.facts.loader.read import BOOT
from ec2rl.host.queries.boot_image import INITRD
from ec2rl.model import (
    Evidence,
    Finding,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fix_with,
    helps,
    more,
    next_step,
    say,
    see_page,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ec2rl.model import Fact

_FACTS = 64
_CANNOT = "Cannot tell whether the default boot entry can be started: {why}"


def judge_entries(name: str, look: EntryLook) -> Finding:
    """Judge by what is taken; where nobody knows that, by whether all can be started, or none."""
    facts = _facts(look)
    if not look.taken:
        return _no_menu(look, facts)
    if len(look.taken) == 1:
        return _of_menu(name, look, look.taken[0], facts)
    found = [_of_menu(name, look, one, facts) for one in look.taken]
    if len({one.verdict for one in found}) == 1:
        return found[0]
    paths = tuple(one.menu.path for one in look.taken)
    why = say("which of {paths:, } is shown, nobody can tell here", paths=paths)
    said = tuple(say("{path}: {said}", path=one.menu.path, said=told.summary)
                 for one, told in zip(look.taken, found))  # fmt: skip
    return Finding(Verdict.UNKNOWN, say(_CANNOT, why=why), (*said, see_page(name)), facts=facts)


def _no_menu(look: EntryLook, facts: dict[str, Fact]) -> Finding:
    if look.loader.unread:
        why = say("{why}", why=look.loader.unread[0])
    elif look.roots.boot_away:
        why = say("{why}", why=look.roots.boot_away)
    elif look.loader.kernels:
        words = "{boot} has {n:kernel} and no menu of a boot loader that is read here"
        why = say(words, boot=BOOT, n=len(look.loader.kernels))
    else:
        said = say(
            "There is no boot loader here: {boot} has neither a menu nor a kernel", boot=BOOT
        )
        return Finding(Verdict.NOT_APPLICABLE, said, facts=facts)
    is_denied = any(one.why is Why.DENIED for one in look.loader.unread)
    return _unknown(why, (), facts, is_denied)


def _unknown(
    why: Statement, details: Sequence[Statement], facts: dict[str, Fact], is_denied: bool = False
) -> Finding:
    how = (next_step("Next: {run_as_root}"),) if is_denied else ()
    return Finding(Verdict.UNKNOWN, say(_CANNOT, why=why), (*details, *how), facts=facts)


def _of_menu(name: str, look: EntryLook, taken: Taken, facts: dict[str, Fact]) -> Finding:
    if taken.item is None:
        return _of_all(name, look, taken, facts)
    item = taken.item
    if not item.entry.starts:
        words = "{title} is the default, and starts no Linux kernel that is read here"
        return _unknown(say(words, title=item.entry.title), (), facts)
    if item.is_intact:
        return _intact(name, look, taken, item, facts)
    if item.is_intact is None:
        fault = next(one for way in item.ways for one in way.faults if not one.is_sure)
        why = say("{title}: {fault}", title=item.entry.title, fault=_say(fault))
        return _unknown(why, (), facts, fault.is_denied)
    fault = next(one for way in item.ways for one in way.faults if one.is_sure)
    words = "The default boot entry cannot be started: {title}: {fault}"
    verdict = Verdict.PROBLEM
    if taken.fallback is not None and taken.fallback.is_intact:
        words = "The default boot entry cannot be started, its fallback can: {title}: {fault}"
        verdict = Verdict.WARNING
    said = say(words, title=item.entry.title, fault=_say(fault))
    details = [*_default(taken), _broken(item), *_rest(look, taken, fault)]
    fix = [fix_with(name)] if target(taken) is not None else []
    quotes = (Evidence(item.entry.place, _command(item.ways)),)
    return Finding(verdict, said, (*details, *fix, see_page(name)), quotes, facts=facts)


def _intact(
    name: str, look: EntryLook, taken: Taken, item: Item, facts: dict[str, Fact]
) -> Finding:
    good = next(way for way in item.ways if way.is_intact)
    proof = "Rests on: {path}, and the bytes of {files:, }"
    files = (good.kernel, *good.initrds)
    rests = Statement(proof, {"path": taken.menu.path, "files": files}, Role.PROOF)
    details = [rests, *_not_compared(look, good)]
    other = [one for way in item.ways for one in way.faults if one.is_sure]
    if taken.is_missing:
        words = "The default boot entry {default} is in no menu: the first is taken, {title}"
        said = say(words, default=taken.menu.default, title=item.entry.title)
        return Finding(Verdict.WARNING, said, (*_default(taken), *details, see_page(name)),
                       facts=facts)  # fmt: skip
    if look.has_modules is False:
        words = "The default boot entry's kernel has no modules: {folder} is not there ({title})"
        folder = f"{MODULES}/{item.release}"
        said = say(words, folder=folder, title=item.entry.title)
        why = helps(say("What helps: install the package of that kernel again"))
        return Finding(Verdict.WARNING, said, (*details, why, see_page(name)), facts=facts)
    if other:
        words = "One way of the default boot entry cannot be started, the other can: {fault}"
        said = say(words, fault=_say(other[0]))
        return Finding(Verdict.WARNING, said, (*details, see_page(name)), facts=facts)
    words = "The default boot entry has all that it starts: {title}"
    return Finding(Verdict.OK, say(words, title=item.entry.title), tuple(details), facts=facts)


def _of_all(name: str, look: EntryLook, taken: Taken, facts: dict[str, Fact]) -> Finding:
    """Nobody knows which entry is taken: only what is so of all of them is known."""
    told = [one.is_intact for one in taken.others]
    if told and all(told):
        words = "Whichever boot entry is taken, all that it starts is there ({n:entry/entries})"
        rests = Statement("Rests on: {path}", {"path": taken.menu.path}, Role.PROOF)
        return Finding(Verdict.OK, say(words, n=len(told)), (rests,), facts=facts)
    if told and all(one is False for one in told):
        first = taken.others[0]
        fault = next(one for way in first.ways for one in way.faults if one.is_sure)
        words = "No boot entry can be started: {title}: {fault}"
        said = say(words, title=first.entry.title, fault=_say(fault))
        details = (_broken(first), *_rest(look, taken, fault), see_page(name))
        return Finding(Verdict.PROBLEM, said, details, facts=facts)
    why = say("which entry of {path} is taken, nobody can tell here", path=taken.menu.path)
    bad = [one for one in taken.others if one.is_intact is False][:4]
    return _unknown(why, [_item(one) for one in bad], facts)


def _item(item: Item) -> Statement:
    fault = next((one for way in item.ways for one in way.faults), None)
    if fault is None:
        return say("Intact: {title}", title=item.entry.title)
    return say("{title}: {fault}", title=item.entry.title, fault=_say(fault))


def _say(fault: Fault) -> Statement:
    why = say(" ({why})", why=fault.why) if fault.why else say("")
    return say("{what} {harm}{why}", what=fault.what, harm=fault.harm.value, why=why)


def _default(taken: Taken) -> Iterator[Statement]:
    menu = taken.menu
    place = {"saved_entry": "saved_entry of grubenv", "next_entry": "next_entry of grubenv"}
    if menu.default:
        by = place.get(menu.by, f"line {menu.line}")
        yield say("The default is {default}, by {by} ({path})",
                  default=menu.default, by=by, path=menu.path)  # fmt: skip


def _broken(item: Item) -> Statement:
    return say("{place}: {words}", place=item.entry.place, words=_command(item.ways)[:200])


def _command(ways: Sequence[Checked]) -> str:
    start = ways[0].start
    lines = [f"linux {start.kernel} {start.words}".rstrip()]
    lines += [f"initrd {' '.join(start.initrds)}"] if start.initrds else []
    return "; ".join(lines)


def _rest(look: EntryLook, taken: Taken, fault: Fault) -> Iterator[Statement]:
    """The entries that can be started, and what helps against the fault."""
    good = [one for one in taken.others if one.is_intact and one.is_ordinary]
    for one in good[:2]:
        yield say("Intact: {title}", title=one.entry.title)
    item = taken.item or taken.others[0]
    release = item.release or "RELEASE"
    if fault.harm is Harm.ROOT:
        words = "What helps: correct root= of that entry: lsblk -f names the UUIDs"
        yield helps(say(words))
    elif fault.kind == INITRD or fault.harm is Harm.NEEDS_INITRD:
        how = initrd_anew(item, look.is_live)
        yield helps(say("What helps: make the initrd anew: {how}", how="; ".join(how)))
    else:
        words = "What helps: install the package of kernel {release} again, or start another entry"
        yield helps(say(words, release=release))


def _not_compared(look: EntryLook, good: Checked) -> Iterator[Statement]:
    if look.roots.unread is not None and "root=" in good.start.words:
        yield say("Not compared: root= of its command line ({why})", why=look.roots.unread)
    for one in look.loader.unread:
        if isinstance(one, Unreadable):
            yield more(say("Not read: {why}", why=one))


def _facts(look: EntryLook) -> dict[str, Fact]:
    items = [
        (taken, item)
        for taken in look.taken
        for item in (*([taken.item] if taken.item else []), *taken.others)
    ]
    return {"entries": [_entry(taken, item) for taken, item in items[:_FACTS]]}


def _entry(taken: Taken, item: Item) -> dict[str, Fact]:
    faults = [one for way in item.ways for one in way.faults]
    return {
        "menu": taken.menu.path,
        "title": item.entry.title,
        "id": item.entry.id,
        "default": item is taken.item,
        "release": item.release or None,
        "kernel": item.ways[0].kernel if item.ways else None,
        "initrds": list(item.ways[0].initrds) if item.ways else [],
        "intact": item.is_intact,
        "faults": [
            {"what": one.what, "harm": one.harm.name.lower(), "why": one.why} for one in faults
        ],
    }
