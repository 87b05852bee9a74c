"""What a log alone tells of sshd: a console, a syslog, a journal that somebody saved."""

from __future__ import annotations

from ec2rl.diagnosis.sshd_words import Words
from ec2rl.facts.ssh.said import Kind, Said
from ec2rl.model import Evidence, Finding, Statement, Verdict, helps, say, see_page
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "openssh"
_NAMED = 4
REFUSED = (Kind.PATH, Kind.PAM, Kind.UNREADABLE, Kind.ACCOUNT)
_MODES = (
    "What helps: ec2rl run --root=FOLDER on its volume names each mode and owner that is wrong, "
    "and ec2rl fix loginfiles --root=FOLDER sets them"
)


def judge_words(words: Words) -> Finding:
    """Judge by what was said last; a text of no known form makes no failure."""
    finding = _judged(words)
    if words.is_hearsay and finding.verdict is Verdict.PROBLEM:
        said = say("{said} (in a text of no known form: not verified)", said=finding.summary)
        return replace(finding, verdict=Verdict.WARNING, summary=said)
    return finding


def _judged(words: Words) -> Finding:
    """Judge by whether sshd runs, as it said last; refusals of accounts by what followed."""
    stop = words.cannot_run
    notes = [*notes_of(words)]
    quotes = tuple(Evidence(str(words.source), one.text) for one in words.said[-_NAMED:])
    if stop is not None:
        said = say("sshd cannot start: {why}", why=stop.what)
        return Finding(
            Verdict.PROBLEM, said, (*advice_of(stop), *notes, see_page(NAME)), (Evidence(
                str(words.source), stop.text),))  # fmt: skip
    refusals = [*words.still_refused(*REFUSED)]
    sure = [one for one in refusals if one.kind in (Kind.PATH, Kind.PAM)]
    is_let_in = words.last(Kind.ACCEPTED) is not None
    if refusals:
        first = (sure or refusals)[0]
        rest = [say_refusal(one) for one in refusals if one is not first][:_NAMED]
        verdict = Verdict.PROBLEM if sure and not is_let_in else Verdict.WARNING
        details = (*rest, *notes, *_help(first), see_page(NAME))
        return Finding(verdict, say_refusal(first), details, quotes)
    if notes:
        return Finding(Verdict.WARNING, notes[0], (*notes[1:], see_page(NAME)), quotes)
    last = words.last(Kind.ACCEPTED, Kind.LISTENS)
    if words.last(Kind.FAILED) is not None and last is None:
        said = say("sshd did not start, and its log does not say why: {line}",
                   line=words.said[-1].text)  # fmt: skip
        return Finding(Verdict.WARNING, said, (say(_WHY), see_page(NAME)), quotes)
    if last is None:
        said = say("Cannot tell whether sshd lets anybody in: the log has no word of it")
        return Finding(Verdict.UNKNOWN, said, (see_page(NAME),))
    if last.kind is Kind.ACCEPTED:
        said = say("sshd let {user} in, and refused no account since.", user=last.user)
        return Finding(Verdict.OK, said, tuple(_healed(words)))
    said = say("sshd listens on {where}; nobody was refused.", where=last.what)
    return Finding(Verdict.OK, said, tuple(_healed(words)))


_WHY = "What helps: journalctl -u ssh -u sshd -b, or sshd -t, says why"


def _healed(words: Words) -> Iterator[Statement]:
    if words.healed:
        yield say("It had not started at first, and did at a later try: no fault is left")


def say_refusal(one: Said) -> Statement:
    """Say why an account was refused."""
    if one.kind is Kind.PATH:
        return say("sshd refuses keys: {why}", why=one.what)
    if one.kind is Kind.PAM:
        words = "PAM refuses {user} after a login with a good key or password: nologin, an expired "
        return say(words + "account or an aged password", user=one.user)
    if one.kind is Kind.UNREADABLE:
        return say("sshd cannot read the keys in {path}", path=one.what)
    return say("sshd refuses {user}: {why}", user=one.user, why=one.what)


def _help(one: Said) -> Iterator[Statement]:
    if one.kind is Kind.PATH:
        yield helps(say(_MODES))
    elif one.kind is Kind.PAM:
        words = "What helps: as root chage -l {user} shows the times; rm /etc/nologin"
        yield helps(say(words, user=one.user))


def notes_of(words: Words, is_told: bool = False) -> Iterator[Statement]:
    """Say what else sshd said that explains a login that fails: at most a warning.

    `is_told` is whether files already tell of the modes behind a key command that is not run.
    """
    command = words.last(Kind.COMMAND)
    if command is not None and not is_told:
        text = (
            "sshd does not run the key command (Instance Connect): {why}; keys in files are taken"
        )
        yield say(text, why=command.what)
    sha1 = words.last(Kind.SHA1)
    if sha1 is not None:
        text = "A client signs with SHA-1 (ssh-rsa), which sshd takes no more: the server and the "
        yield say(text + "key are right, a newer client or an ed25519 key helps")
    penalty = words.last(Kind.PENALTY)
    if penalty is not None:
        text = "sshd drops a client's connections for a while (PerSourcePenalties): {why}"
        yield say(text, why=penalty.what)
    startups = words.last(Kind.STARTUPS)
    if startups is not None:
        yield say("sshd drops new connections (MaxStartups): {why}", why=startups.what)


def advice_of(stop: Said) -> Iterator[Statement]:
    """Say what helps against what keeps sshd from starting."""
    why = stop.what
    if "hostkeys" in why:
        yield helps(say("What helps: ssh-keygen -A makes the host keys that are missing"))
    elif "OpenSSL" in why or "shared libraries" in why or "version" in why:
        words = "What helps: bring openssh-server and openssl to versions of one release (dnf, apt)"
        yield helps(say(words))
    elif "Privilege separation user" in why:
        yield helps(say("What helps: reinstall openssh-server, which makes the user sshd"))
    elif "line" in why or "configuration option" in why:
        words = (
            "What helps: sshd -t names the line; ec2rl fix openssh --risky makes a comment of it"
        )
        yield helps(say(words))
