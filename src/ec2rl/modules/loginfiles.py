"""A file that logins rest on is missing, damaged, or has a mode or an owner that is refused."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.host.queries.path_status import Lstat, PathStatus
from ec2rl.model import (
    Finding,
    FixRequest,
    Proposal,
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
from ec2rl.module import ACCESS, Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.diagnosis.login_files import LoginFiles
    from ec2rl.diagnosis.logins import Bar, Login
    from ec2rl.model import Fact

NAME = "loginfiles"
_NAMED = 6
_RIGHTS = {"/etc/passwd": 0o444, "/etc/group": 0o444, "/etc/nsswitch.conf": 0o444}
"""Files that everybody has to read, and the bits for it."""
_PROGRAMS = "/usr/bin"
_SUDO, _SUDOERS = "/usr/bin/sudo", "/etc/sudoers"


@record(frozen=True)
class Seen:
    """The files, how each account can log in, and what is wrong with files for all.

    `wrong` are files of which others' rights are in the way, `sudo` why nobody becomes root by it;
    `uptime` is in seconds, None of a machine that does not run.  `has_programs` is whether a folder
    without accounts holds a system at all, and no volume of data.
    """

    files: LoginFiles | Unreadable
    logins: tuple[Login, ...] = ()
    wrong: tuple[Bar, ...] = ()
    sudo: tuple[Bar, ...] = ()
    uptime: float | None = None
    has_programs: bool = True


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read accounts, PAM and modes; nothing is followed out of a volume."""
    from ec2rl.diagnosis.login_files import read_login_files
    from ec2rl.diagnosis.logins import login_of

    files = read_login_files(host)
    if isinstance(files, Unreadable):
        has_programs = isinstance(host.query(Lstat(_PROGRAMS)), PathStatus)
        return Seen(files, has_programs=has_programs)
    logins = tuple(login_of(files.machine, one) for one in files.machine.people)
    wrong = tuple(_unreadable_by_all(host))
    return Seen(files, logins, wrong, tuple(_sudo(host)), host.clock().uptime)


def _unreadable_by_all(host: Host) -> Iterator[Bar]:
    for path, bits in _RIGHTS.items():
        found = host.query(Lstat(path))
        if isinstance(found, PathStatus) and found.kind == "file" and found.mode & bits != bits:
            words = "{path} has {rights}: programs that are not root cannot read it"
            yield _of_rights(words, path, found, (0o644, found.uid, found.gid))


def _sudo(host: Host) -> Iterator[Bar]:
    """Why sudo does not make anybody root (sudo.c: it wants to be root's, with the setuid bit)."""
    program, rules = host.query(Lstat(_SUDO)), host.query(Lstat(_SUDOERS))
    if not isinstance(program, PathStatus) or program.kind != "file":
        return
    if program.uid != 0 or not program.mode & 0o4000:
        yield _of_rights("{path} has {rights}: it must be root's, and setuid", _SUDO, program,
                         (0o4755, 0, program.gid if program.uid == 0 else 0))  # fmt: skip
    if isinstance(rules, PathStatus) and (rules.uid != 0 or rules.mode & 0o002):
        yield _of_rights("{path} has {rights}: sudo refuses it", _SUDOERS, rules, (0o440, 0, 0))


def _of_rights(words: str, path: str, found: PathStatus, rights: tuple[int, int, int]) -> Bar:
    from ec2rl.diagnosis.logins import FILES, Bar, shown

    said = say(words, path=path, rights=shown(found))
    return Bar(FILES, said, path, rights, (found.mode, found.uid, found.gid))


def judge(seen: Seen) -> Finding:
    """Judge by what refuses everybody, then by what refuses single accounts."""
    files = seen.files
    if isinstance(files, Unreadable):
        return _without_accounts(files, seen.has_programs)
    if "root" not in files.passwd.named:
        said = say("/etc/passwd has no account root: nobody can log in")
        return _found(Verdict.PROBLEM, said, (*_bad_lines(files),), seen)
    stops = [*_of_all(seen, files)]
    barred = [one for one in seen.logins if not one.is_open and _is_meant(one) and _first(one)]
    is_open = any(one.is_open or one.may_be for one in seen.logins)
    details = [_told(one) for one in barred]
    if seen.sudo and not any(one.is_open and one.account.uid == 0 for one in seen.logins):
        details += [bar.said for bar in seen.sudo]
    if stops:
        return _found(Verdict.PROBLEM, stops[0], (*stops[1:], *details), seen)
    if details:
        verdict = Verdict.PROBLEM if not is_open or not barred else Verdict.WARNING
        verdict = Verdict.WARNING if _is_early(seen) else verdict
        return _found(verdict, details[0], tuple(details[1:]), seen)
    lesser = [bar.said for bar in (*seen.wrong, *seen.sudo)] + [*_bad_lines(files)]
    lesser += [_told(one) for one in seen.logins if _is_half(one)]
    if lesser:
        return _found(Verdict.WARNING, lesser[0], tuple(lesser[1:]), seen)
    lost = next((bar.said for one in seen.logins for bar in one.bars if bar.maybe), None)
    if lost is not None:
        said = say("Cannot tell whether a login is refused: {why}", why=lost)
        return _found(Verdict.UNKNOWN, said, (next_step("Next: {collect_all}"),), seen)
    return _found(Verdict.OK, say("No file is in the way of a login."), (*_proof(files),), seen)


def _without_accounts(why: Unreadable, has_programs: bool) -> Finding:
    if why.why is Why.ABSENT and not has_programs:
        words = "Cannot tell whether a login is refused: neither {passwd} nor {programs} is there"
        said = say(words, passwd=why.source, programs=_PROGRAMS)
        return Finding(Verdict.UNKNOWN, said, (see_page(NAME),))
    if why.why is Why.ABSENT:
        said = say("/etc/passwd is missing: nobody can log in")
        how = helps(say("What helps: cp -p /etc/passwd- /etc/passwd, if that is there"))
        return Finding(Verdict.PROBLEM, said, (how, see_page(NAME)))
    said = say("Cannot tell whether a login is refused: {why}", why=why)
    return Finding(Verdict.UNKNOWN, said, (see_page(NAME),))


def _of_all(seen: Seen, files: LoginFiles) -> Iterator[Statement]:
    """What refuses everybody, or everybody but root."""
    shadow = files.machine.shadow
    if isinstance(shadow, Unreadable) and shadow.why is Why.ABSENT and files.stack is not None:
        yield say("/etc/shadow is missing: PAM refuses everybody")
        return
    for one in files.machine.broken:
        yield say("PAM refuses everybody: {why}", why=one.said)
    if any(one.account.uid != 0 for one in seen.logins) and not _is_early(seen):
        yield from (bar.said for bar in files.machine.refusing)


def _is_early(seen: Seen) -> bool:
    """Whether the machine has only begun, when /run/nologin keeps users out until it is up."""
    return seen.uptime is not None and seen.uptime < 300


def _is_meant(one: Login) -> bool:
    """Whether somebody set the account up for logins, as far as files tell."""
    return one.account.has_shell and (one.has_keys or _first(one) is not None)


def _first(one: Login) -> Bar | None:
    """Give the first file that is in the way of an account; no keys are no fault of a file."""
    found = (bar for bar in one.bars if bar.area == "files" and not bar.maybe)
    return next((bar for bar in found if one.has_keys or _is_wrong(bar)), None)


def _is_wrong(bar: Bar) -> bool:
    return bar.rights is not None or bar.path in ("/etc/shadow", "/etc/passwd")


def _is_half(one: Login) -> bool:
    """Whether an account can log in one way, and files are in the way of another."""
    return one.is_open and any(bar.area == "files" and bar.rights for bar in one.bars)


def _told(one: Login) -> Statement:
    if one.is_open:
        bar = next(bar for bar in one.bars if bar.rights)
        return say("{why} (it can log in by {ways})", why=bar.said, ways=one.ways)
    first = _first(one)
    assert first is not None
    return first.said


def _bad_lines(files: LoginFiles) -> Iterator[Statement]:
    if files.passwd.bad:
        numbers = tuple(map(str, files.passwd.bad[:_NAMED]))
        yield say("/etc/passwd has lines that are none: {numbers}", numbers=numbers)


def _proof(files: LoginFiles) -> Iterator[Statement]:
    from ec2rl.model import Role

    n = len(files.machine.people)
    words = "Rests on: /etc/passwd, /etc/shadow, PAM, and the way to the keys of {n:account}"
    yield Statement(words, {"n": n}, Role.PROOF)
    if files.passwd.more:
        yield say("Not looked at: {n:account} beyond the first ones", n=files.passwd.more)


def _found(verdict: Verdict, said: Statement, rest: tuple[Statement, ...], seen: Seen) -> Finding:
    facts: dict[str, Fact] = {
        "accounts": [
            {
                "name": one.account.name,
                "ways": list(one.ways),
                "bars": [bar.said for bar in one.bars],
            }
            for one in seen.logins
        ]
    }
    if verdict in (Verdict.OK, Verdict.UNKNOWN):
        return Finding(verdict, said, rest, facts=facts)
    rest = tuple(one for n, one in enumerate(rest) if one != said and one not in rest[:n])
    shown, beyond = rest[:_NAMED], rest[_NAMED:]
    can = any(bar.rights for one in seen.logins for bar in one.bars) or seen.sudo or seen.wrong
    how: tuple[Statement, ...] = (fix_with(NAME),) if can else ()
    hands = tuple(dict.fromkeys(bar.by_hand for bar in _bars(seen) if bar.by_hand))
    if hands:
        how += (helps(say("What helps: {how:; }", how=hands[:_NAMED])),)
    return Finding(verdict, said, (*shown, *map(more, beyond), *how, see_page(NAME)), facts=facts)


def _bars(seen: Seen) -> Iterator[Bar]:
    """Give what is in the way of those who cannot log in, and are meant to."""
    if isinstance(seen.files, Unreadable):
        return
    yield from (*seen.files.machine.broken, *seen.files.machine.refusing)
    for one in seen.logins:
        if not one.is_open and _first(one) is not None:
            yield from one.bars


def propose(host: Host, seen: Seen, request: FixRequest) -> Proposal:
    """Plan modes and owners of what is in the way of accounts, and of files that all rest on."""
    from ec2rl.diagnosis.login_rights import propose_rights

    barred = [bar for one in seen.logins for bar in one.bars]
    title = "Give login files the modes and owners that sshd, sudo and the shell accept"
    return propose_rights(host, title, (*barred, *seen.wrong, *seen.sudo))


MODULE = Module(
    name=NAME,
    title="No file is in the way of a login",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, to read all of the files",
    propose=propose,
    by_hand=lambda _: ("namei -l /home/NAME/.ssh/authorized_keys", "chage -l NAME", "pwck -r"),
    rank=ACCESS,
)
