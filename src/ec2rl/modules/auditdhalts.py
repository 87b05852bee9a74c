"""auditd halts the machine, or leaves it to a single user, when the disk of its log is full."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.model import (
    Evidence,
    Finding,
    FixRequest,
    Proposal,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fix_with,
    helps,
    next_step,
    say,
    see_page,
)
from ec2rl.module import BOOT, Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.auditd_conf import Action
    from ec2rl.facts.space import FileSystem
    from ec2rl.host.queries.boot_text import Printed
    from ec2rl.model import Fact

NAME = "auditdhalts"
_CONF = "/etc/audit/auditd.conf"
_FILES = 64


@record(frozen=True)
class Seen:
    """The actions that stop a machine, and the file system of the log.

    `panics` is the place of `-f 2`, "" for none; `unread` what of the rules could not be read;
    `printed` is a console's text instead.
    """

    actions: tuple[Action, ...] | Unreadable
    folder: str = ""
    space: FileSystem | Unreadable | None = None
    panics: str = ""
    unread: Unreadable | None = None
    printed: Printed | None = None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read the configuration; where it stops the machine, ask how much room there is."""
    text = host.read(_CONF)
    if isinstance(text, Unreadable):
        from ec2rl.host.queries.boot_text import BootText

        is_saved = text.why is Why.NOT_COLLECTED and not host.is_live
        printed = host.query(BootText()) if is_saved else None
        return Seen(text, printed=None if isinstance(printed, Unreadable) else printed)
    from ec2rl.facts.auditd_conf import parse_auditd

    actions, folder = parse_auditd(text.text)
    found = tuple(one for one in actions if one.stops)
    panics, unread = _panics(host)
    return Seen(found, folder, _space(host, folder) if found else None, panics, unread)


def _panics(host: Host) -> tuple[str, Unreadable | None]:
    """Where `-f 2` stands: augenrules(8) makes the first file of the others, which may be newer."""
    from ec2rl.facts.auditd_conf import RULES, RULES_FOLDER, panics

    names, unread = host.names(RULES_FOLDER), None
    if isinstance(names, Unreadable):
        unread, names = (None if names.why is Why.ABSENT else names), ()
    chosen = [f"{RULES_FOLDER}/{one}" for one in names if one.endswith(".rules")][:_FILES]
    found = ""
    for path in (RULES, *chosen):
        text = host.read(path)
        if isinstance(text, Unreadable):
            unread = unread if text.why is Why.ABSENT else text
        elif (at := panics(text.text)) is not None:
            found = found or f"{path}, line {at}"
    return found, unread


def _space(host: Host, folder: str) -> FileSystem | Unreadable:
    from ec2rl.facts.space import parse_space
    from ec2rl.host.queries.space import Space

    answer = host.query(Space())
    if isinstance(answer, Unreadable):
        return answer
    if not host.is_live and _is_apart(host, folder):
        return Unreadable(folder, Why.NOT_COLLECTED, "a file system of its own")
    holds = [
        one for one in parse_space(answer.text)
        if f"{folder}/".startswith(f"{one.folder.rstrip('/')}/")
    ]  # fmt: skip
    if not holds:
        return Unreadable(folder, Why.NOT_COLLECTED)
    found = max(holds, key=lambda one: len(one.folder))
    return Unreadable(found.folder, Why.FAILED, found.fault) if found.fault else found


def _is_apart(host: Host, folder: str) -> bool:
    """Whether a volume's /etc/fstab mounts another file system there: the volume shows its own."""
    from ec2rl.facts.fstab import FSTAB, parse_fstab

    text = host.read(FSTAB)
    entries = () if isinstance(text, Unreadable) else parse_fstab(text.text).entries
    folders = [one.folder for one in entries if one.target and one.folder != "/"]
    return any(f"{folder}/".startswith(f"{one}/") for one in folders)


def judge(seen: Seen) -> Finding:
    """Judge by what is to stop the machine, and whether the disk is that full now."""
    if seen.printed is not None:
        return _shown(seen.printed)
    if isinstance(seen.actions, Unreadable):
        if seen.actions.why is Why.ABSENT:
            said = say("There is no auditd here: no {path}", path=_CONF)
            return Finding(Verdict.NOT_APPLICABLE, said)
        return _unknown(say("{why}", why=seen.actions))
    facts = _facts(seen)
    if not seen.actions:
        return _without(seen, facts)
    from ec2rl.facts.space import FileSystem

    space = seen.space
    due = [
        one for one in seen.actions
        if isinstance(space, FileSystem) and one.is_due(space.available, space.size)
    ]  # fmt: skip
    one = (due or seen.actions)[0]
    told = tuple(say("{path}, line {n}: {text}", path=_CONF, n=action.number,
                     text=action.text.strip()[:200]) for action in seen.actions)  # fmt: skip
    rest = (*told, _room(seen), *_told_panics(seen), fix_with(NAME), see_page(NAME))
    if due:
        words = "auditd stops the machine ({key} = {action}): {folder} has {left:size} left"
        top, left = (space.folder, space.available) if isinstance(space, FileSystem) else ("", 0)
        said = say(words, key=one.key, action=one.action, folder=top, left=left)
        how = helps(say("What helps: make room there (see diskfull)"))
        return Finding(Verdict.PROBLEM, said, (how, *rest), facts=facts)
    words = "auditd stops the machine once its disk runs full ({key} = {action})"
    said = say(words, key=one.key, action=one.action)
    return Finding(Verdict.WARNING, said, rest, facts=facts)


def _without(seen: Seen, facts: dict[str, Fact]) -> Finding:
    """Nothing of auditd's own stops the machine."""
    if seen.panics:
        words = "The kernel panics where an audit event is lost (-f 2): {where}"
        how = helps(say("What helps: -f 1 there, then augenrules --load"))
        said = say(words, where=seen.panics)
        return Finding(Verdict.WARNING, said, (how, see_page(NAME)), facts=facts)
    if seen.unread is not None:
        return _unknown(say("{why}", why=seen.unread))
    said = say("auditd does not stop the machine when its disk is full.")
    return Finding(Verdict.OK, said, facts=facts)


def _room(seen: Seen) -> Statement:
    space = seen.space
    if space is None or isinstance(space, Unreadable):
        return say("How much room {folder} has is not known: {why}", folder=seen.folder, why=space)
    words = "{folder} lies on {top}, which has {left:size} left"
    return say(words, folder=seen.folder, top=space.folder, left=space.available)


def _told_panics(seen: Seen) -> tuple[Statement, ...]:
    if not seen.panics:
        return ()
    return (say("The kernel panics where an audit event is lost (-f 2): {at}", at=seen.panics),)


def _unknown(why: Statement) -> Finding:
    said = say("Cannot tell whether auditd stops the machine: {why}", why=why)
    return Finding(Verdict.UNKNOWN, said, (next_step("Next: {collect_all}"),))


def _shown(printed: Printed) -> Finding:
    """What a console tells: auditd's own word, which others can write, and that all went down."""
    from ec2rl.facts.boot.story import read_boots

    boots = [one for one in read_boots(printed.text) if not one.is_crash_kernel]
    last = boots[-1] if boots else None
    told = (
        [one for one in (*last.events, *last.passed) if one.kind == "daemon halt"] if last else []
    )
    if not told or last is None:
        return _unknown(say("{path} does not tell", path=printed.path))
    line = told[0].line
    is_down = (last.is_shut_down or bool(last.stops)) and printed.kind != "unknown"
    said = say("auditd halted the machine, because its disk was full: {line}", line=line.text)
    words = "What helps: make room on its volume, and there: ec2rl fix auditdhalts --root=FOLDER"
    how = helps(say(words))
    quote = Evidence(f"{printed.path}:{line.number}", line.text)
    verdict = Verdict.PROBLEM if is_down else Verdict.WARNING
    return Finding(verdict, said, (how, see_page(NAME)), (quote,))


def _facts(seen: Seen) -> dict[str, Fact]:
    space = seen.space
    is_known = space is not None and not isinstance(space, Unreadable)
    return {
        "actions": {one.key: one.action for one in seen.actions}
        if not isinstance(seen.actions, Unreadable) else {},
        "folder": seen.folder or None,
        "available": space.available if is_known else None,  # type: ignore[union-attr]
        "panics": bool(seen.panics),
    }  # fmt: skip


def propose(host: Host, seen: Seen, request: FixRequest) -> Proposal:
    """Plan to let auditd stop its log instead of the machine."""
    from ec2rl.facts.auditd_conf import with_suspend
    from ec2rl.model import Remedy, Risk
    from ec2rl.remedies import EditLines, Lines

    if isinstance(seen.actions, Unreadable) or not seen.actions:
        return Proposal()
    if not request.boot:
        return Proposal(refused=("auditd reads its file when it starts: nothing runs to be set",))
    edits = tuple(
        Lines(one.number, (one.text.removesuffix("\r"),), (with_suspend(one.text),))
        for one in sorted(seen.actions, key=lambda one: one.number)
    )
    caveat = "while the disk is full nothing is audited: rules of compliance may forbid that"
    title = "Let auditd stop its log, and not the machine, when its disk is full"
    remedy = Remedy(title, (EditLines(_CONF, edits),), Risk.RISKY, caveat)
    names = "\\|".join(one.key for one in seen.actions)
    sed = f"sed -i 's/^\\({names}\\) *=.*/\\1 = SUSPEND/' {_CONF}"
    notes = ("Then: service auditd reload",) if host.is_live else ()
    return Proposal((remedy,), notes=notes, by_hand=(sed,) if host.is_live else ())


MODULE = Module(
    name=NAME,
    title="auditd does not stop the machine",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, to read auditd's files",
    propose=propose,
    by_hand=lambda _: (f"grep -n action {_CONF}", "df -h /var/log/audit", "auditctl -s"),
    rank=BOOT,
)
