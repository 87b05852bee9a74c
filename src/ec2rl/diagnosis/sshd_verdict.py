"""Whether sshd of a machine, or of a volume, lets somebody in, and what is in the way."""

from __future__ import annotations

from ec2rl.diagnosis.logins import FILES, Login
from ec2rl.diagnosis.sshd_log import NAME, advice_of, notes_of
from ec2rl.diagnosis.sshd_state import Sshd
from ec2rl.diagnosis.sshd_words import Words
from ec2rl.facts.ssh.config import Config
from ec2rl.facts.ssh.server import NOT_TO_RUN, is_loopback, main_is_missing, wanted
from ec2rl.model import (
    Command,
    Finding,
    Role,
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
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ec2rl.model import Fact

_NAMED = 4
_OFF = Statement("To fix it: {fix} (shows a plan, and asks)", {
    "fix": Command("fix openssh --risky")}, Role.FIX)  # fmt: skip
_OF_FILES = fix_with("loginfiles")
_ENABLE = Command("systemctl enable --now ssh", own=False)


@record(frozen=True)
class _Stop:
    """One thing that keeps sshd from starting, or everybody out; what helps; and how sure it is."""

    said: Statement
    helps: tuple[Statement, ...] = ()
    verdict: Verdict = Verdict.PROBLEM


def judge_sshd(sshd: Sshd, words: Words) -> Finding:
    """Judge by the first of what keeps sshd from starting, and then everybody out."""
    config = sshd.config
    if isinstance(config, Unreadable):
        return _without_config(config)
    stops = [*_of_start(sshd, words), *_of_sockets(sshd, config), *_of_accounts(sshd)]
    notes = [*_notes(sshd, config, words)]
    facts = _facts(sshd, config)
    for verdict in (Verdict.PROBLEM, Verdict.WARNING, Verdict.UNKNOWN):
        first = next((one for one in stops if one.verdict is verdict), None)
        if first is not None:
            rest = [one.said for one in stops if one is not first][:_NAMED]
            details = (*rest, *notes, *first.helps, see_page(NAME))
            return Finding(verdict, first.said, details, facts=facts)
    if notes and _is_warning(sshd, words):
        return Finding(Verdict.WARNING, notes[0], (*notes[1:], see_page(NAME)), facts=facts)
    return replace(_open(sshd, config), facts=facts)


def _without_config(config: Unreadable) -> Finding:
    if main_is_missing(config):
        said = say("sshd cannot start: {path} is missing", path=config.source)
        how = helps(say("What helps: reinstall openssh-server, which brings it back"))
        return Finding(Verdict.PROBLEM, said, (how, see_page(NAME)))
    said = say("Cannot tell whether sshd lets anybody in: {why}", why=config)
    return Finding(Verdict.UNKNOWN, said, (next_step("Next: {collect_all}"),))


def _of_start(sshd: Sshd, words: Words) -> Iterator[_Stop]:
    """What keeps sshd from starting."""
    for one in sshd.refused:
        told = "sshd does not start with line {n} of {path}: {why}: {line}"
        said = say(told, n=one.number, path=one.path, why=one.why, line=one.line.strip()[:200])
        yield _Stop(said, (_OFF,))
    for one in sshd.unsure:
        told = "Cannot tell whether sshd starts with line {n} of {path}: {why}: {line}"
        said = say(told, n=one.number, path=one.path, why=one.why, line=one.line.strip()[:200])
        if sshd.listening is None or not sshd.listening.ports:
            yield _Stop(said, verdict=Verdict.UNKNOWN)
    yield from _of_keys(sshd)
    if sshd.separation is not None:
        said = say("sshd cannot start: {why}", why=sshd.separation[0])
        how = (fix_with(NAME),) if sshd.separation[1] is not None else (helps(say(
            "What helps: reinstall openssh-server, which makes it anew")),)  # fmt: skip
        yield _Stop(said, how)
    stop = words.cannot_run
    if stop is not None and not sshd.refused and not _listens(sshd):
        said = say("sshd did not start when it was last tried: {why}", why=stop.what)
        is_sure = words.is_proven and _is_of_program(stop.what)
        is_sure = is_sure or (sshd.listening is not None and _is_wanted(sshd))
        yield _Stop(said, (*advice_of(stop),), Verdict.PROBLEM if is_sure else Verdict.WARNING)


def _is_of_program(why: str) -> bool:
    """Whether it is of the program itself, which no file that was looked at tells."""
    return any(word in why for word in ("OpenSSL", "libraries", "version", "executable", "bind"))


def _of_keys(sshd: Sshd) -> Iterator[_Stop]:
    if any(key.fault is None and key.unread is None for key in sshd.keys):
        return
    if any(key.unread is not None for key in sshd.keys):
        lost = next(key.unread for key in sshd.keys if key.unread is not None)
        if not _listens(sshd):
            words = "Cannot tell whether a host key is of use: {why}"
            yield _Stop(say(words, why=lost), verdict=Verdict.UNKNOWN)
        return
    worst = [key for key in sshd.keys if not key.is_missing] or list(sshd.keys)
    why = worst[0].fault
    assert why is not None
    said = say("sshd cannot start: no host key is of use: {why}", why=why)
    if sshd.maker and all(key.is_missing for key in sshd.keys):
        words = "No host key is there; {unit} makes them when sshd starts"
        yield _Stop(say(words, unit=sshd.maker), verdict=Verdict.WARNING)
    else:
        yield _Stop(said, (fix_with(NAME),))


def _listens(sshd: Sshd) -> bool:
    if sshd.listening is None or isinstance(sshd.config, Unreadable):
        return False
    return any(port in sshd.listening.ports for _, port in wanted(sshd.config))


def _of_sockets(sshd: Sshd, config: Config) -> Iterator[_Stop]:
    """Whether sshd listens, where a machine runs; whether it is started at boot, where not."""
    addresses = wanted(config)
    ports = tuple(dict.fromkeys(port for _, port in addresses))
    if sshd.masked:
        yield _Stop(say("sshd is not started: {unit} is masked", unit=sshd.masked), (helps(say(
            "What helps: systemctl unmask {unit}", unit=sshd.masked)),),
            Verdict.WARNING)  # fmt: skip
    elif sshd.not_to_run:
        yield _Stop(say("sshd is not started: {path} is there", path=NOT_TO_RUN))
    elif not sshd.units and not _listens(sshd):
        how = helps(say("What helps: {enable} (or sshd)", enable=_ENABLE))
        said = say("sshd is not started at boot: no target wants its unit")
        yield _Stop(said, (how,), Verdict.WARNING)
    found = sshd.listening
    if found is not None and found.unread is not None:
        yield _Stop(say("Cannot tell whether sshd listens: {why}", why=found.unread),
                    verdict=Verdict.UNKNOWN)  # fmt: skip
    elif found is not None and not _listens(sshd):
        said = say("Nothing of root's listens on port {ports}, where sshd should", ports=ports)
        how = helps(say("What helps: sshd -t, then systemctl restart ssh (or sshd)"))
        if any(unit.endswith(".socket") for unit in sshd.units):  # it listens for sshd
            how = helps(say("What helps: systemctl daemon-reload && systemctl restart ssh.socket"))
        yield _Stop(said, (how,), Verdict.PROBLEM if _is_wanted(sshd) else Verdict.WARNING)
    if is_loopback(addresses):
        said = say("sshd listens on {where} alone, which no other machine reaches",
                   where=tuple(host for host, _ in addresses))  # fmt: skip
        how = helps(say("What helps: take the ListenAddress lines out, and restart sshd"))
        yield _Stop(said, (how,), Verdict.WARNING)


def _is_wanted(sshd: Sshd) -> bool:
    """Whether sshd is meant to run: there, or when the machine boots."""
    is_meant = bool(sshd.units) and sshd.is_booted and not sshd.masked
    return is_meant or _listens(sshd)


def _of_accounts(sshd: Sshd) -> Iterator[_Stop]:
    """Whether any account can log in."""
    if isinstance(sshd.files, Unreadable):
        is_gone = sshd.files.why is Why.ABSENT
        words = "Nobody can log in: {why}" if is_gone else "Cannot tell who can log in: {why}"
        verdict = Verdict.PROBLEM if is_gone else Verdict.UNKNOWN
        yield _Stop(say(words, why=sshd.files), verdict=verdict)
        return
    if any(one.is_open for one in sshd.logins) or not _is_wanted(sshd):
        return
    meant = _meant(sshd.logins)
    if any(one.may_be for one in sshd.logins) or sshd.files.others:
        lost = next((bar.said for one in sshd.logins for bar in one.bars if bar.maybe),
                    say("accounts come from {others} too", others=sshd.files.others))  # fmt: skip
        yield _Stop(say("Cannot tell who can log in: {why}", why=lost), verdict=Verdict.UNKNOWN)
        return
    if not meant:
        root = next((one for one in sshd.logins if one.account.uid == 0), None)
        why = root.bars[0].said if root is not None and root.bars else say("no account has a shell")
        said = say("No account is set up for ssh: {why}", why=why)
        yield _Stop(said, verdict=Verdict.WARNING)
        return
    first, *others = meant
    words = "Nobody can log in by ssh; {user}: {why}"
    said = say(words, user=first.account.name, why=_why(first))
    yield _Stop(said, (_help(first),))
    for one in others[:_NAMED]:
        yield _Stop(say("{user}: {why}", user=one.account.name, why=_why(one)))


def _help(one: Login) -> Statement:
    """Say what helps against the first thing that is in the way of an account."""
    if any(bar.rights is not None for bar in one.bars):
        return _OF_FILES
    bar = one.bars[0] if one.bars else None
    if bar is not None and bar.by_hand:
        return helps(say("What helps: {how}", how=bar.by_hand))
    if bar is not None and bar.area == FILES:
        words = "What helps: a public key in a line of that file, which is the account's, mode 600"
        return helps(say(words))
    words = (
        "What helps: change that; sshd -T -C user={user},host=h,addr=192.0.2.1 shows what counts"
    )
    return helps(say(words, user=one.account.name))


def _meant(logins: Sequence[Login]) -> list[Login]:
    """Give the accounts that somebody set up for logins, those with keys first."""
    found = [one for one in logins if one.has_keys or (one.account.uid and one.account.has_shell)]
    return sorted(found, key=lambda one: (not one.has_keys, one.account.uid == 0))


def _why(one: Login) -> Statement:
    return one.bars[0].said if one.bars else say("it has neither key nor password")


def _notes(sshd: Sshd, config: Config, words: Words) -> Iterator[Statement]:
    """What else may be in somebody's way."""
    is_told = any(bar.area == FILES and bar.rights for one in sshd.logins for bar in one.bars)
    yield from notes_of(words, is_told)
    if any(one.is_open for one in sshd.logins):
        for one in _meant(sshd.logins)[:_NAMED]:
            if one.has_keys and not one.is_open and one.account.has_shell:
                yield say("{user} cannot log in: {why}", user=one.account.name, why=_why(one))
            elif one.is_open and any(bar.area == FILES and bar.rights for bar in one.bars):
                bar = next(bar for bar in one.bars if bar.rights)
                yield say("{why}; {user} can log in by {ways}", why=bar.said,
                          user=one.account.name, ways=one.ways)  # fmt: skip
    for line in config.deprecated[:1]:
        yield say("sshd no longer knows {name} ({path}:{n}), and passes over it",
                  name=line.text.split()[0], path=line.path, n=line.number)  # fmt: skip
    for lost in config.unread[:_NAMED]:
        yield say("Not read: {unread}", unread=lost)


def _is_warning(sshd: Sshd, words: Words) -> bool:
    """Whether what else there is deserves a warning: a word that is no longer known does not."""
    config = sshd.config
    quiet = 0 if isinstance(config, Unreadable) else min(1, len(config.deprecated))
    return not isinstance(config, Unreadable) and len([*_notes(sshd, config, words)]) > quiet


def _open(sshd: Sshd, config: Config) -> Finding:
    """Say who can log in, and by what."""
    opened = [one for one in sshd.logins if one.is_open]
    opened = _meant(opened) or opened
    ports = tuple(dict.fromkeys(port for _, port in wanted(config)))
    who = tuple(say("{user} by {ways}", user=one.account.name, ways=one.ways) for one in
                opened[:_NAMED])  # fmt: skip
    words = "sshd listens on port {ports} and lets {who} in."
    if sshd.listening is None:
        words = "sshd can start, on port {ports}, and lets {who} in."
    proof = Statement("Rests on: {files}, host keys, accounts and their keys", {
        "files": config.files}, Role.PROOF)  # fmt: skip
    return Finding(Verdict.OK, say(words, ports=ports, who=who), (proof,))


def _facts(sshd: Sshd, config: Config) -> dict[str, Fact]:
    return {
        "ports": [port for _, port in wanted(config)],
        "files": list(config.files),
        "refused": [{"path": one.path, "line": one.number, "why": one.why} for one in sshd.refused],
        "accounts": [
            {
                "name": one.account.name,
                "ways": list(one.ways),
                "bars": [bar.said for bar in one.bars],
            }
            for one in sshd.logins
        ],
    }
