"""What a kernel panicked of, by the reason that it gave; and what it does behind that.

Linux, kernel/panic.c, 3.10 to 6.18; the reasons are those of the files named below.
"""

from __future__ import annotations

_KINDS = (
    # kernel/hung_task.c
    ("hung task", r"hung_task: .*"),
    # kernel/watchdog.c, kernel/watchdog_hld.c (up to 4.4 the second form); kernel/rcu/tree_stall.h
    ("lockup", r"softlockup: hung tasks|Hard LOCKUP|Watchdog detected hard LOCKUP .*|RCU Stall"),
    # mm/oom_kill.c; up to 4.18 the second form. panic_on_oom is 1 or 2, and that is another matter.
    ("no memory", r"System is deadlocked on memory|Out of memory and no killable processes.*"),
    ("panic_on_oom", r"[Oo]ut of memory.* panic_on_oom is (?:enabled|selected).*"),
    # init/do_mounts.c, init/main.c
    ("root", r"VFS: .*|(?:No (?:working )?|Requested )init .*"),
    # kernel/exit.c
    ("init", r"Attempted to kill init!.*"),
    # arch/*/kernel/traps.c and dumpstack.c; kernel/exit.c, of a task that may not be killed
    ("oops", r"Fatal exception.*|Aiee, killing interrupt handler!.*|Attempted to kill the idle .*"),
    # arch/x86/kernel/cpu/mce; drivers/acpi/apei/ghes.c
    ("hardware", r".*[Mm]achine [Cc]heck.*|Timeout: Not all CPUs entered .*|Fatal hardware .*"),
    # arch/x86/kernel/nmi.c
    ("NMI", r"(?:NMI|An NMI) .*|NMI: Not continuing"),
    # drivers/tty/sysrq.c
    ("sysrq", r"sysrq triggered crash.*"),
    # kernel/panic.c, check_panic_on_warn()
    ("warning", r".*panic_on_warn set.*"),
    # fs/ext4/super.c
    ("file system", r"EXT\d-fs .*panic .*error.*"),
)
RUNS = ("panic", "init died")
"""Kinds of a boot's wordings of which a machine dies that has long come up, too."""


def kind_of(why: str) -> str:
    """Tell of which kind a panic is, "" for one that is none of them."""
    import re

    for kind, form in _KINDS:
        if re.fullmatch(form, why.strip()):
            return kind
    return ""
