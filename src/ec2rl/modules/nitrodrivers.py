"""The next boot lacks a driver of Nitro instances: NVMe for its root, or ENA for its network."""

from __future__ import annotations

from ec2rl.diagnosis.boot_targets import worst
from ec2rl.diagnosis.nitro_look import ENA, NVME, Kernel, Machine, NitroLook, look_at
from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.model import (
    Finding,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    helps,
    next_step,
    say,
    see_page,
)
from ec2rl.module import Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Fact

NAME = "nitrodrivers"
_NEEDS = {NVME: "its root disk", ENA: "the network"}
_XEN_NAMES = ("/dev/xvd", "/dev/sd", "/dev/hd")


@record(frozen=True)
class _Told:
    """What is so of one kernel: `lacks` is what the next boot does not find, `help` what helps."""

    verdict: Verdict
    said: Statement
    how: str = ""
    is_denied: bool = False


def read(host: Host, log: KernelLog, options: Options) -> NitroLook:
    """Look at the drivers of the kernel that the next boot starts, and into its initrd."""
    return look_at(host)


def judge(seen: NitroLook) -> Finding:
    """Judge by what the kernel has, by what the initrd has, and by what switches it off."""
    if seen.machine is Machine.OTHER:
        words = "This is no EC2 instance: what a Nitro instance needs does not count here"
        return Finding(Verdict.NOT_APPLICABLE, say(words))
    if seen.targets.is_none:
        words = "There is no kernel in /boot: what boots this machine lies elsewhere"
        return Finding(Verdict.NOT_APPLICABLE, say(words))
    cannot = "Cannot tell whether the next boot has the drivers of Nitro instances: {why}"
    if seen.targets.why is not None:
        how = (next_step("Next: {run_as_root}"),) if seen.targets.is_denied else ()
        return Finding(Verdict.UNKNOWN, say(cannot, why=seen.targets.why), how)
    told = [_of(one, seen.machine) for one in seen.kernels]
    verdict = worst([one.verdict for one in told], seen.targets.is_default)
    facts = _facts(seen)
    first = told[0]
    if verdict is Verdict.OK:
        rests = Statement("Rests on: {proof}", {"proof": _proof(seen.kernels[0])}, Role.PROOF)
        return Finding(Verdict.OK, first.said, (rests,), facts=facts)
    if verdict is not Verdict.UNKNOWN:
        how = (helps(say("What helps: {how}", how=first.how)),) if first.how else ()
        return Finding(verdict, first.said, (*how, see_page(NAME)), facts=facts)
    if len({one.verdict for one in told}) > 1:
        why = say("which of {n:kernel} is started is not known", n=len(told))
        details = tuple(one.said for one in told)
        return Finding(Verdict.UNKNOWN, say(cannot, why=why), details, facts=facts)
    how = (next_step("Next: {run_as_root}"),) if first.is_denied else ()
    return Finding(Verdict.UNKNOWN, say(cannot, why=first.said), how, facts=facts)


def _of(kernel: Kernel, machine: Machine) -> _Told:
    release = kernel.target.release
    if isinstance(kernel.drivers, Unreadable):
        return _unknown(kernel.drivers)
    bad = Verdict.WARNING if machine is Machine.XEN else Verdict.PROBLEM
    on = "on a Nitro instance " if machine is not Machine.NITRO else ""
    for name, form in kernel.drivers.items():
        if form.name == "ABSENT":
            words = "Kernel {release} has no driver {name}: {on}the next boot does not find {what}"
            said = say(words, release=release, name=name, on=on, what=_NEEDS[name])
            return _Told(bad, said, f"install all modules of kernel {release}, or another kernel")
        line = next((one.line for one in kernel.off if one.module == name), None)
        if line is not None and form.name == "MODULE":
            words = "{source} switches {name} off: {on}the next boot does not find {what} ({text})"
            said = say(words, source=line.source, name=name, on=on, what=_NEEDS[name],
                       text=line.text)  # fmt: skip
            return _Told(bad, said, "take that out, and make the initrd anew")
    if kernel.drivers[NVME].name == "MODULE" and not kernel.is_proven:
        missing = _of_initrd(kernel, bad, on)
        if missing is not None:
            return missing
    return _names(kernel, machine)


def _of_initrd(kernel: Kernel, bad: Verdict, on: str) -> _Told | None:
    release = kernel.target.release
    how = f"make it anew: update-initramfs -u -k {release}, or dracut --force --add-drivers 'nvme' "
    how += f"--kver {release} (of a volume in a chroot: explain {NAME})"
    if not kernel.target.initrds:
        words = "Kernel {release} has nvme as a module, and no initrd: {on}it finds no root disk"
        return _Told(bad, say(words, release=release, on=on), how)
    if isinstance(kernel.inside, Unreadable):
        return _unknown(kernel.inside)
    if kernel.inside is not None and NVME not in kernel.inside:
        words = "{path} has no nvme, which kernel {release} has as a module: {on}it finds no root"
        said = say(words, path=kernel.target.initrds[-1], release=release, on=on)
        return _Told(bad, said, how)
    return None


def _names(kernel: Kernel, machine: Machine) -> _Told:
    """Whether the root is named by what Xen calls a disk."""
    root = next((one for one in kernel.target.words.split() if one.startswith("root=")), "")
    if machine is not Machine.NITRO and root[5:].startswith(_XEN_NAMES):
        words = "{root}: a Nitro instance has no disk of that name (kernel {release})"
        said = say(words, root=root, release=kernel.target.release)
        return _Told(Verdict.WARNING, said, "name it by UUID= (lsblk -f), before a change of type")
    words = "Kernel {release} has what a Nitro instance needs: nvme {nvme}, ena {ena}"
    assert not isinstance(kernel.drivers, Unreadable)
    forms = {name: form.value for name, form in kernel.drivers.items()}
    return _Told(Verdict.OK, say(words, release=kernel.target.release, **forms))


def _proof(kernel: Kernel) -> Statement:
    lists = f"/lib/modules/{kernel.target.release}"
    if kernel.is_proven:
        return say("{lists}, and that {this_boot} came up with that initrd", lists=lists)
    if kernel.inside is None:
        return say("{lists}", lists=lists)
    return say("{lists}, and what {files:, } has", lists=lists, files=kernel.target.initrds)


def _unknown(unread: Unreadable) -> _Told:
    return _Told(Verdict.UNKNOWN, say("{why}", why=unread), is_denied=unread.why is Why.DENIED)


def _facts(seen: NitroLook) -> dict[str, Fact]:
    kernels: list[Fact] = [
        {
            "release": one.target.release,
            "drivers": None
            if isinstance(one.drivers, Unreadable)
            else {name: form.name.lower() for name, form in one.drivers.items()},
            "initrds": list(one.target.initrds),
            "nvme_in_initrd": NVME in one.inside if isinstance(one.inside, frozenset) else None,
        }
        for one in seen.kernels
    ]
    return {"machine": seen.machine.name.lower(), "kernels": kernels}


MODULE = Module(
    name=NAME,
    title="The next boot has the drivers of Nitro instances",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, for /boot",
    by_hand=lambda _: ("modinfo -F filename nvme ena", "lsinitrd | grep nvme"),
)
