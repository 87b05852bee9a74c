"""What a program calls itself is no message of the kernel's, wherever it prints that name."""

from __future__ import annotations

import pytest

from ec2rl.facts.oops import parse_header, parse_headline
from ec2rl.model import Verdict
from support.log_forms import ALL, EVENTS, records
from support.log_verdicts import NAMES, judged

COMMS = (
    "Oops: 0000 [#1]",
    "Oops: 0 [#1]",
    "a: 0000 [#1]",
    "a: 0 [#1] SMP",
    "Oops [#1]",
    "kernel BUG at a",
    "int3: 0 [#1]",
)
"""Names of a program, of at most 15 characters (TASK_COMM_LEN), which the kernel prints as is."""
MESSAGES = {
    # fs/coredump.c, do_coredump(), 6.1.
    "a limit of a core file": "Process 4242({}) has RLIMIT_CORE set to 1",
    "too many core files": "Pid 4242({}) over core_pipe_limit",
    # kernel/sched/core.c, sched_show_task(), 3.10 and 6.1.
    "a task, 3.10": "{:15.15} D ffff88003fc14580     0  4242      1 0x00000000",
    "a running task, 3.10": "{:15.15} R  running task        0  4242      1 0x00000000",
    "a task": "task:{:15.15} state:D stack:    0 pid: 4242 ppid:     1 flags:0x00000000",
    # kernel/exit.c, check_stack_usage(), 6.1.
    "a stack": "{} (4242) used greatest stack depth: 12345 bytes left",
    # kernel/signal.c, print_fatal_signal(), 3.10 and 6.1; arch/x86/mm/fault.c, 6.1.
    "a signal": "{}/4242: potentially unexpected fatal signal 11.",
    "a fault": "{}[4242]: segfault at 0 ip 0000000000000000 sp 00007ffc error 14 in a[5+1]",
    # fs/drop_caches.c, 6.1; net/packet/af_packet.c, 6.1.
    "caches": "{} (4242): drop_caches: 3",
    "an old socket": "{} uses obsolete (PF_INET,SOCK_PACKET)",
    # mm/oom_kill.c, dump_task(), 3.10.
    "a table of tasks": "[ 4242]     0  4242    10000     1000      90        0             0 {}",
    # kernel/sched/core.c, __schedule_bug(), 6.1; lib/dump_stack.c, 6.1.
    "scheduling": "BUG: scheduling while atomic: {}/4242/0x00000002",
    "a trace": "CPU: 1 PID: 4242 Comm: {} Not tainted 6.1.0 #1",
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_the_name_of_a_program_is_no_fault_of_the_kernel(message: str) -> None:
    said = [message.format(comm) for comm in COMMS]
    assert [one for one in said if parse_header(one) or parse_headline(one)] == []


@pytest.mark.parametrize("form", ["dmesg", "journalctl -o export", "/dev/kmsg", "dmesg -r"])
@pytest.mark.parametrize("comm", COMMS)
def test_no_name_of_a_program_makes_a_failure(comm: str, form: str) -> None:
    lines = [(500.0 + n, one.format(comm)) for n, one in enumerate(MESSAGES.values())]
    found = judged(ALL[form]([*records("x")[:3], *lines]), NAMES)
    assert {name for name, one in found.items() if one.verdict is Verdict.PROBLEM} == set()


NAMED = ("journalctl, header", "/var/log/dmesg")
"""Forms of what journalctl printed: a name and a process id stand before what a program says."""


@pytest.mark.parametrize("form", NAMED)
@pytest.mark.parametrize("event", EVENTS)
def test_a_program_that_calls_itself_a_message_of_the_kernel_makes_no_failure(
    event: str, form: str
) -> None:
    name, message = EVENTS[event]
    forged = judged(ALL[form](records(f"{message}[4242]: x")), [name])[name]
    assert forged.verdict in (Verdict.WARNING, Verdict.UNKNOWN)
    assert judged(ALL[form](records(message)), [name])[name].verdict is Verdict.PROBLEM


@pytest.mark.parametrize("event", EVENTS)
def test_without_the_kernels_name_a_line_of_journalctl_is_anothers(event: str) -> None:
    name, message = EVENTS[event]
    text = ALL["/var/log/dmesg"](records("x")) + f"[  500.000000] {message}[4242]: x\n".encode()
    assert judged(text, [name])[name].verdict in (Verdict.WARNING, Verdict.UNKNOWN)
