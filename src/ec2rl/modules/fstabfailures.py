"""A line of /etc/fstab stopped a boot, delayed it, or will: which one, and of what."""

from __future__ import annotations

from ec2rl.diagnosis.fstab_look import FstabLook, look_at
from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.model import Finding, FixRequest, Proposal, Verdict, say
from ec2rl.module import BOOT, Module, Options

NAME = "fstabfailures"


def read(host: Host, log: KernelLog, options: Options) -> FstabLook:
    """Read the lines and what a boot said of them; of a machine what of them is there now."""
    return look_at(host)


def judge(seen: FstabLook) -> Finding:
    """Judge by what a boot said of lines, then by what the next one will make of them."""
    if not seen.is_systemd:
        words = "Nothing of /etc/fstab is mounted here at boot: systemd is not the first program"
        return Finding(Verdict.NOT_APPLICABLE, say(words))
    from ec2rl.diagnosis.fstab_told import judge_lines

    return judge_lines(NAME, seen)


def propose(host: Host, seen: FstabLook, request: FixRequest) -> Proposal:
    """Plan `nofail` in the lines that stopped a boot, or will."""
    from ec2rl.diagnosis.fstab_fix import propose_nofail
    from ec2rl.diagnosis.fstab_story import faults_of

    if not request.boot:
        return Proposal(refused=("/etc/fstab counts at the next boot: there is nothing that runs",))
    return propose_nofail(faults_of(seen), host.is_live)


MODULE = Module(
    name=NAME,
    title="No line of /etc/fstab stops the boot",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, for the journal",
    by_hand=lambda _: ("findmnt --verify", "systemctl list-units --failed --type=mount,swap"),
    propose=propose,
    rank=BOOT,
)
