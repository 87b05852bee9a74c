"""What to do about a panic, by what the kernel panicked of."""

from __future__ import annotations

from ec2rl.record import record


@record(frozen=True)
class PanicAdvice:
    """`do` is half a sentence, for a summary; `how` says how."""

    do: str
    how: str


# Documentation/admin-guide/sysctl/kernel.rst and vm.rst name the settings.
_BY_KIND = {
    "hung task": PanicAdvice(
        "see what hung, and of what",
        "hungtasks names the task that hung, and what it waited for (a disk, a file server, a "
        "lock): mend that. That it ended in a panic is a setting's doing (kernel.hung_task_panic): "
        "with 0 the machine goes on",
    ),
    "lockup": PanicAdvice(
        "see which CPU was stuck, and where",
        "softlockup names the CPU and the function. That it ended in a panic is a setting's doing "
        "(kernel.softlockup_panic, kernel.hardlockup_panic, kernel.panic_on_rcu_stall): with 0 the "
        "machine goes on",
    ),
    "no memory": PanicAdvice(
        "see what took the memory",
        "nothing was left that may be killed: the memory was in what is exempt (oom_score_adj "
        "-1000), or in no process at all (huge pages of vm.nr_hugepages, tmpfs, the kernel). Take "
        "less of that, give services a limit (MemoryMax=), or take a larger instance",
    ),
    "panic_on_oom": PanicAdvice(
        "see what took the memory",
        "find what grew (oomkiller tells what the log has of it), give services a limit "
        "(MemoryMax=), or take a larger instance. That it ended in a panic is a setting's doing: "
        "with vm.panic_on_oom=0 the kernel kills one process, and goes on",
    ),
    "root": PanicAdvice(
        "see which disk or init it lacks",
        "bootstopped names what that boot lacks, and what to do: root= on the kernel's command "
        "line, the initrd and its drivers, or /sbin/init",
    ),
    "init": PanicAdvice(
        "see why the first program died",
        "the first program (systemd) died: of itself or a library that is damaged, of a disk that "
        "went away, or for want of memory; the lines before it tell. Where it happens at each "
        "boot, bootstopped names what to put back",
    ),
    "oops": PanicAdvice(
        "see the oops before it",
        "the oops before it is the cause: kernelbug, kerneldereference and kerneloops name its "
        "function and module; after an update start the kernel before it. With "
        "kernel.panic_on_oops=0 only the task dies, where that is possible",
    ),
    "hardware": PanicAdvice(
        "stop the instance and start it",
        "the hardware reported an error that cannot be corrected: an instance that is stopped and "
        "started moves to another host",
    ),
    "NMI": PanicAdvice(
        "see who sent the interrupt",
        "an interrupt that the kernel does not know: somebody sent it (aws ec2 "
        "send-diagnostic-interrupt), or the hardware did. That it ended in a panic is a setting's "
        "doing (kernel.unknown_nmi_panic, kernel.panic_on_unrecovered_nmi)",
    ),
    "sysrq": PanicAdvice(
        "ask who made it crash",
        "root asked for it (c to /proc/sysrq-trigger), as a test of kdump does",
    ),
    "warning": PanicAdvice(
        "see the WARNING before it",
        "the WARNING before it is the cause. That it ended in a panic is a setting's doing: with "
        "kernel.panic_on_warn=0 the machine goes on",
    ),
    "file system": PanicAdvice(
        "check the file system, unmounted",
        "fserrors names the file system: check it unmounted, from another instance. That it ended "
        "in a panic is its own option: errors=panic (mount option, or tune2fs -e)",
    ),
}


def panic_advice(kind: str) -> PanicAdvice | None:
    """Give what to do about a panic of a kind (`facts.panic.kind_of`), None for any other."""
    return _BY_KIND.get(kind)
