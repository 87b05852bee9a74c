"""Lines that the kernel prints whole: none holds a string of a user's that has a line end.

What stands behind such a line is a message, or a part of one, of its own, also where a text has
times of whole seconds (`dmesg -T`), and all of a report bears the same one.  15 letters of `comm`
are a user's, and no message of ours is so short; names of cgroups and of network devices have no
line end (kernel/cgroup/cgroup.c, cgroup_mkdir(); net/core/dev.c, dev_valid_name()).  No form may
match the beginning of a message that goes on with a user's string (`trust._USERS`).

Linux, 3.10 to 6.18: mm/oom_kill.c, mm/show_mem.c (mm/page_alloc.c up to 6.3), mm/memcontrol.c,
kernel/hung_task.c, lib/dump_stack.c, arch/x86/kernel/dumpstack.c, arch/arm64/kernel/traps.c,
net/bridge, net/ipv6/addrconf.c, net/core/dev.c.
"""

from __future__ import annotations

_EVENTS = (
    r"-+\[ cut here \]-+|---\[ end .*"
    r"|(?:\w+: )?\d+ (?:callbacks|messages) suppressed\.?"
    r"|(?:[a-z_]+: ){1,2}(?:expectation )?table full(?: in netns \d+)?"
    r"(?:, dropping packet\.?)?"
    r"|[a-z_]+: maximum limit of \d+ entries exceeded"
    r"|kernel BUG at [\w./+-]+:\d+!"
    r"|INFO: task .{1,16}:\d+ blocked (?:in I/O wait )?for more than \d+ seconds\."
    r"|(?:[\w ]+: )?BUG: soft lockup - CPU#\d+ stuck for \d+s! \[.{1,16}:\d+\]"
    r"|(?:BUG: )?[Uu]nable to handle kernel [\w ]+ at (?:virtual address )?[\da-fx]+"
    r"|BUG: (?:kernel NULL pointer dereference,|unable to handle page fault for) address: [\da-f]+"
    r"|Kernel panic - not syncing: [\w :,.()=+-]+"
    r"|PGD [\da-f]+ ?(?:P[4UM]D [\da-f]+ ?|PTE [\da-f]+ ?)*|#PF: [\w ()-]+"
    r"|xennet: skb rides the rocket: \d+ (?:slots|frags)[\w ,]*"
)
_MEMORY = (
    r"\S.{0,15}? invoked oom-killer: gfp_mask=0x[\da-f]+[\w|(), =/*.:-]{0,400}"
    r"|\S{1,16} cpuset=\S{1,255} mems_allowed=[\d,-]+"
    r"|oom-kill:constraint=CONSTRAINT_\w+,nodemask=[^'\"]*,uid=\d+"
    r"|(?:memory|memory\+swap|kmem|swap): usage \d+kB, limit \d+kB, failcnt \d+"
    r"|Tasks? in /\S* killed as a result of limit of /\S*"
    r"|Tasks in /\S* are going to be killed due to memory\.oom\.group set"
    r"|Memory cgroup stats for /\S*?:(?: \w+:\d+KB)*"
    r"|(?:anon|file|kernel|shmem|slab|sock|vmalloc|percpu|zswap\w*|pg\w+|(?:in)?active_\w+"
    r"|unevictable|work\w+|thp_\w+|kernel_stack|pagetables|sec_pagetables|anon_thp|file_\w+"
    r"|slab_\w+|swapcached|shmem_thp) \d+"
    r"|Tasks state \(memory values in pages\):|\[ *pid *\] +uid [\w ]+ name"
    r"|\[ *\d+\](?: +-?\d+){5,10} .{1,16}"
    r"|Mem-Info:|(?:Node \d+ (?:\w+ )?)?(?:[a-z_]+(?:\(\w+\))?:-?\d+(?:[kK]B)?,? ?)+"
    r"(?:all_unreclaimable\? \w+)?"
    r"|lowmem_reserve\[\]:(?: \d+)+|Node \d+ \w+:(?: \d+\*\d+kB(?: \([A-Z]+\))?)+ = \d+kB"
    r"|Node \d+ (?:hugepages_\w+=\d+(?:kB)? ?)+|\d+ total pagecache pages"
    r"|\d+ pages (?:in swap cache|RAM|HighMem/MovableOnly|HighMem|(?:cma )?reserved|hwpoisoned"
    r"|(?:non-)?shared)"
    r"|Swap cache stats: add \d+, delete \d+, find \d+/\d+|(?:Free|Total) swap *= *\d+kB"
    r"|Unreclaimable slab info:|Name +Used +Total|[\w:.()@-]{1,40} +\d+KB +\d+KB"
    r"|(?:[A-Z][\w (),]{1,80}: )?Kill process \d+ \(.{1,16}\) score \d+ or sacrifice child"
    r"|(?:[A-Z][\w (),]{1,80}: )?Killed process \d+(?:, UID \d+,)? \(.{1,16}\),?[\w:, -]*"
    r"|oom_reaper: reaped process \d+ \(.{1,16}\),[\w:, -]*"
    r"|Out of memory and no killable processes\.\.\."
)
_KERNEL = r"(?:Not tainted|Tainted: [\w\[\]=, ]+?) \d[\w.+~-]* #[\w .+~:-]*"
_TRACES = (
    r"CPU: \d+ (?:UID: \d+ )?PID: \d+ Comm: .{1,16} (?:Kdump: loaded )?"
    + _KERNEL
    + "|"
    + _KERNEL
    + r"|Tainted: (?:\[[A-Z]\]=\w+,? ?)+|Hardware name: [\w ./()+,:-]*|Workqueue: [\w .:()/+-]*"
    r"|Call [Tt]race:|</?[A-Z#]\w*>"
    r"|(?:</?[A-Z#]\w*> +)?(?:\[<[\da-f]+>\] ?)?(?:\? )?[\w.$]+\+0x[\da-f]+/0x[\da-f]+"
    r"(?: \[[\w -]+\])?(?: \([A-Z]+\))?"
    r"|(?:RIP|RSP): [\da-f]{4}:(?:\[<[\da-f]+>\] ?)*[\w.$+/]*(?: \[[\w-]+\])?(?: EFLAGS: [\da-f]+)?"
    r"|(?:(?:[RE][A-Z]{2}|R\d\d|[CD]R\d|[C-GS]S|knlGS|PKRU|ORIG_RAX|x\d\d?|EFLAGS)"
    r"(?:\([\da-f]+\))?(?: ?: ?| )[\da-f]+ *)+"
    r"|Modules linked in:[\w \[\]():,-]*|Code: [<>()\da-f ]+|Code: Bad RIP value\."
    r"|Code: Unable to access opcode bytes at [\w ]+\.|[\da-f]{16}(?: [\da-f]{16}){0,3}"
    r'|"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message\.'
    r"|task:.{1,16} +state:\w +stack: *\d+ +pid: *\d+[\w :-]*"
    r"|\S{1,16} +[DR] [\da-f]{16} +\d+ +\d+ +\d+ 0x[\da-f]+"
)
_CHATTER = (
    r"[\w.@-]{1,16}: port \d+\([\w.@-]{1,16}\) entered [a-z]+ state"
    r"|device [\w.@-]{1,16} (?:entered|left) promiscuous mode"
    r"|[\w.@-]{1,16}: (?:entered|left) (?:promiscuous|allmulticast) mode"
    r"|IPv6: ADDRCONF\(NETDEV_[A-Z]+\): [\w.@-]{1,16}: link (?:is not ready|becomes ready)"
    r"|[\w.@-]{1,16}: renamed from [\w.@-]{1,16}"
)
_WHOLE = "|".join((_EVENTS, _MEMORY, _TRACES, _CHATTER))


def is_whole(said: str) -> bool:
    """Tell whether the kernel prints a line like this whole, and nothing of a user's in it."""
    import re

    return re.fullmatch(_WHOLE, said.strip()) is not None
