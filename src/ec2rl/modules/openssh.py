"""sshd lets nobody in: it cannot start, does not listen, or refuses every account."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.host.queries.path_status import Lstat, PathStatus
from ec2rl.model import (
    Finding,
    FixRequest,
    Proposal,
    Unreadable,
    Verdict,
    Why,
    helps,
    say,
    see_page,
)
from ec2rl.module import ACCESS, Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.diagnosis.sshd_state import Sshd
    from ec2rl.diagnosis.sshd_words import Words

NAME = "openssh"
PROGRAM, CONFIG = "/usr/sbin/sshd", "/etc/ssh/sshd_config"


@record(frozen=True)
class Seen:
    """`sshd` is what the machine's files tell, None where there are none; `words` what was said.

    `program` is why the program is not there, "" where it is; `may_run` is whether its mode lets
    it be executed, true where that is not known.
    """

    program: Unreadable | str
    sshd: Sshd | None = None
    words: Words | None = None
    may_run: bool = True


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look whether there is an sshd; then read its files, its state, and what it said."""
    found = host.query(Lstat(PROGRAM))
    program = found if isinstance(found, Unreadable) else ""
    if isinstance(program, Unreadable) and program.why is Why.ABSENT:
        return Seen(program)
    config = host.read(CONFIG)
    is_log = isinstance(config, Unreadable) and config.why is Why.NOT_COLLECTED
    from ec2rl.diagnosis.sshd_state import read_sshd
    from ec2rl.diagnosis.sshd_words import read_words

    is_barred = isinstance(found, PathStatus) and found.kind == "file" and not found.mode & 0o111
    words = read_words(host)
    return Seen(program, None if is_log else read_sshd(host), words, may_run=not is_barred)


def judge(seen: Seen) -> Finding:
    """Judge by whether sshd can start, does, and lets any account in."""
    if seen.words is None:
        if isinstance(seen.program, Unreadable) and seen.program.why is Why.ABSENT:
            said = say("There is no OpenSSH server here: {path} is absent", path=PROGRAM)
            return Finding(Verdict.NOT_APPLICABLE, said)
        return Finding(Verdict.UNKNOWN, say("Cannot tell: {why}", why=seen.program))
    if not seen.may_run:
        said = say("sshd cannot start: {path} is no file that may be executed", path=PROGRAM)
        how = helps(say("What helps: chmod 755 {path}, or reinstall openssh-server", path=PROGRAM))
        return Finding(Verdict.PROBLEM, said, (how, see_page(NAME)))
    if seen.sshd is None:
        from ec2rl.diagnosis.sshd_log import judge_words

        return judge_words(seen.words)
    from ec2rl.diagnosis.sshd_verdict import judge_sshd

    return judge_sshd(seen.sshd, seen.words)


def propose(host: Host, seen: Seen, request: FixRequest) -> Proposal:
    """Plan what lets sshd start: host keys, and (RISKY) comments of the lines that it refuses."""
    if seen.sshd is None:
        why = "there is no OpenSSH server here"
        if seen.words is not None:
            why = "a log alone tells no file that could be changed"
        return Proposal(refused=(why,))
    from ec2rl.diagnosis.sshd_remedy import propose_sshd

    return propose_sshd(host, seen.sshd, request)


MODULE = Module(
    name=NAME,
    title="sshd runs, and lets somebody in",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="sshd's files; root to read all of them",
    propose=propose,
    by_hand=lambda _: ("sshd -t", "sshd -T -C user=NAME,host=h,addr=192.0.2.1", "ss -ltnp"),
    rank=ACCESS,
)
