"""What counts as an event: whole messages of real kernels, and nothing that only quotes one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.diagnosis.events import Event, Events, find_events, group, sort_events
from ec2rl.diagnosis.wait_channels import waits_for
from ec2rl.facts.log import KernelLog, LogLine, LogSource
from ec2rl.facts.oom import Kill, kills
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.facts.trust import Grade
from ec2rl.model import Statement, say
from ec2rl.modules import (
    consoleoverload,
    hungtasks,
    kernelpanic,
    xennetrocket,
)
from support.examples import examples

MODULES = {
    "consoleoverload": consoleoverload,
    "hungtasks": hungtasks,
    "kernelpanic": kernelpanic,
    "xennetrocket": xennetrocket,
}
REAL = [
    ("consoleoverload", "serial8250: too much work for irq4"),
    ("consoleoverload", "ttyS0: 1 input overrun(s)"),
    ("consoleoverload", "ttyS ttyS0: 17 input overrun(s)"),
    ("consoleoverload", "ttyAMA ttyAMA0: 3 input overrun(s)"),
    ("consoleoverload", "hvc hvc0: 2 input overrun(s)"),
    ("hungtasks", "INFO: task jbd2/xvda1-8:412 blocked for more than 120 seconds."),
    ("hungtasks", "INFO: task kworker/u8:2:771 blocked for more than 245 seconds."),
    ("hungtasks", "INFO: task cp:1600 blocked in I/O wait for more than 120 seconds."),
    ("kernelpanic", "Kernel panic - not syncing: Fatal exception in interrupt"),
    ("kernelpanic", "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009"),
    ("kernelpanic", "Kernel panic - not syncing: Watchdog detected hard LOCKUP on cpu 8"),
    ("xennetrocket", "xennet: skb rides the rocket: 20 frags"),
    ("xennetrocket", "xennet: skb rides the rocket: 19 slots"),
    ("xennetrocket", "xen_netfront: xennet: skb rides the rocket: 19 slots, 65226 bytes"),
    ("xennetrocket", "xen_netfront: xennet: skb->len = 65549, too big for wire format"),
]
OOM = [
    "Killed process 12562 (java) total-vm:8761648kB, anon-rss:6849380kB, file-rss:0kB",
    "Killed process 9682, UID 27, (mysqld) total-vm:47388kB, anon-rss:3744kB, file-rss:80kB",
    "Killed process 2592 (stress), UID 0, total-vm:9kB, anon-rss:7kB, file-rss:0kB, shmem-rss:0kB",
    "Killed process 5 (a) (b) total-vm:9kB, anon-rss:7kB, file-rss:0kB, shmem-rss:0kB",
    "Out of memory: Killed process 7 (x) total-vm:9kB, anon-rss:7kB, file-rss:0kB, shmem-rss:0kB, "
    "UID:0 pgtables:104kB oom_score_adj:0",
    "Memory cgroup out of memory: Killed process 7 (x) total-vm:9kB, anon-rss:7kB, file-rss:0kB, "
    "shmem-rss:0kB",
    "Out of memory (oom_kill_allocating_task): Killed process 7 (x) total-vm:9kB, anon-rss:7kB, "
    "file-rss:0kB, shmem-rss:0kB",
    "apt-check invoked oom-killer: gfp_mask=0x201da, order=0, oom_adj=0",
    "kworker/u8:2 invoked oom-killer: gfp_mask=0x15080c0(GFP_KERNEL_ACCOUNT|__GFP_ZERO), "
    "nodemask=(null),  order=1, oom_score_adj=0",
    "python invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
]
QUOTES = (
    "audit: type=1107 msg='{}'",
    "app: {}",
    "{} [quoted by an application]",
    'systemd[1]: a.service: "{}"',
    "traps: {} ip:55d0 sp:7ffd error:0",
    " {}",
)


def line(message: str, time: float = 100.0, **named: object) -> LogLine:
    told = LogLine(message, ("dmesg",), time, 5, "a", this_boot=True, grade=Grade.KERNEL)
    return LogLine(**{**told.__dict__, **named})


@pytest.mark.parametrize(("name", "message"), REAL)
def test_a_real_wording_is_an_event_and_a_quote_is_not(name: str, message: str) -> None:
    module = MODULES[name]
    assert any(phrase.text.decode() in message for phrase in module.MODULE.phrases)
    assert module.parse(line(message), Trace())
    told = [q for q in QUOTES if module.parse(line(q.format(message)), Trace())]
    # A panic's reason is whatever stands behind its name.
    assert told == ([QUOTES[2]] if name == "kernelpanic" else [])


@pytest.mark.parametrize("message", OOM)
def test_a_real_wording_of_the_oom_killer_is_a_kill_and_a_quote_is_not(message: str) -> None:
    assert len(kills([line(message)])) == 1
    told = [q for q in QUOTES if kills([line(q.format(message))])]
    # What is behind the numbers differs from kernel to kernel, and a task may be called `app: x`.
    assert told in ([], [QUOTES[2]], [QUOTES[1]])


def test_one_kill_is_told_in_three_lines() -> None:
    asked = line(
        "node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        context=("memory: usage 24576kB, limit 24576kB, failcnt 0",),
    )
    why = line(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0-1,"
        "oom_memcg=/a,b,task_memcg=/a,b/c,task=x, y,pid=7,uid=0",
        100.1,
    )
    killed = line(
        "Memory cgroup out of memory: Killed process 7 (x, y) total-vm:9kB, anon-rss:7kB, "
        "file-rss:1kB, shmem-rss:2kB, UID:0 pgtables:104kB oom_score_adj:0",
        100.2,
    )
    again = line("Killed process 8 (z) total-vm:9kB, anon-rss:1kB, file-rss:0kB", 100.3)
    assert kills([asked, why, killed, again]) == [
        Kill(
            killed, "x, y", 7, 10 << 10, "node", "/a,b", 24 << 20, Trace(lines=asked.context),
            home="/a,b/c", processes=1,
        ),
        Kill(again, "z", 8, 1 << 10, processes=1),
    ]  # fmt: skip


def test_a_group_ends_where_another_call_begins() -> None:
    dead = "Memory cgroup out of memory: Killed process {} (p{}) total-vm:9kB, anon-rss:7kB, "
    dead += "file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0"
    group = "Tasks in /a are going to be killed due to memory.oom.group set"
    asks = "node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"

    def died(*said: str | int) -> list[tuple[int, ...]]:
        lines = [
            line(one if isinstance(one, str) else dead.format(one, one), 100 + number / 1000)
            for number, one in enumerate(said)
        ]
        found = kills(lines)
        return [(kill.pid or 0, *(one.pid for one in kill.members)) for kill in found]

    assert died(1, group, 2, 1, 3) == [(1, 2, 3)]
    assert died(1, group, 2, asks, 4) == [(1, 2), (4,)]
    assert died(1, group, 2, 3, 4, group, 5) == [(1, 2, 3), (4, 5)]
    assert died(group, 2, 3) == [(0, 2, 3)]
    assert died(1, 2, group, 3) == [(1,), (2, 3)]
    late = [line(dead.format(1, 1), 100.0), line(group, 100.1), line(dead.format(2, 2), 109.0)]
    assert [kill.pid for kill in kills(late)] == [1, 2]


def test_a_trace_ends_where_the_next_begins() -> None:
    lines = (
        "CPU: 0 UID: 0 PID: 9 Comm: a b Kdump: loaded Tainted: G      D    6.12.40 #1",
        "RIP: 0010:f+0x1/0x2 [m]",
        "Call Trace:",
        " <TASK>",
        " ? guess+0x1/0x2",
        " g+0x1/0x2 [n]",
        " h.cold+0x1/0x2",
        " </TASK>",
        "CPU: 1 PID: 10 Comm: other Not tainted 6.12.40 #1",
    )
    trace = Trace(0, "a b", 9, "GD", "f+0x1/0x2 [m]", "m", ("g", "h.cold"), lines[:8])
    assert parse_trace(lines) == trace
    assert trace.top == "f < g < h.cold"


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (("__schedule", "rpc_wait_bit_killable", "mutex_lock"), "an NFS server"),
        (("io_schedule", "folio_wait_bit_common", "nfs_wb_all", "vfs_write"), "an NFS server"),
        (
            ("io_schedule", "wait_on_page_bit", "ext4_sync_file", "nfsd_vfs_write"),
            "a disk (EBS, or the instance's own)",
        ),
        (("io_schedule", "folio_wait_writeback", "fuse_flush"), "a FUSE program"),
        (("wait_for_response", "cifs_send_recv"), "an SMB server"),
        (("request_wait_answer", "fuse_simple_request"), "a FUSE program"),
        (("wait_for_completion", "ceph_mdsc_do_request"), "a Ceph cluster"),
        (("percpu_rwsem_wait", "mnt_want_write"), "a frozen file system (fsfreeze, a snapshot)"),
        (("percpu_rwsem_wait", "__percpu_down_read", "exit_signals"), "another task's lock"),
        (
            (
                "rwsem_down_read_failed",
                "call_rwsem_down_read_failed",
                "__percpu_down_read",
                "__sb_start_write",
            ),
            "a frozen file system (fsfreeze, a snapshot)",
        ),
        (
            ("rwsem_down_write_slowpath", "down_write", "ext4_map_blocks", "jbd2__journal_start"),
            "another task's lock",
        ),
        (("schedule_preempt_disabled", "__mutex_lock.isra.5", "blkdev_put"), "another task's lock"),
        (
            ("schedule_preempt_disabled", "__mutex_lock", "nfs_start_io_write"),
            "another task's lock",
        ),
        (
            ("schedule", "synchronize_rcu_expedited", "bdi_unregister", "fuse_kill_sb_anon"),
            "RCU (for every CPU to let go of old data)",
        ),
        (
            (
                "schedule_timeout",
                "wait_for_completion",
                "__wait_rcu_gp",
                "synchronize_sched",
                "nf_unregister_net_hook",
            ),
            "RCU (for every CPU to let go of old data)",
        ),
        (("wait_for_completion", "__flush_work", "xlog_cil_force_seq"), "a kernel thread's work"),
        (
            ("schedule", "jbd2_log_wait_commit", "ext4_sync_file"),
            "a disk (EBS, or the instance's own)",
        ),
        (("blk_mq_get_tag", "mutex_lock"), "a disk (EBS, or the instance's own)"),
        (("wait_for_completion", "autofs_wait", "fuse_lookup"), "an automount daemon"),
        (("request_wait_answer", "mutex_lock"), "a FUSE program"),
        (("rwsem_down_read_slowpath", "down_read"), "another task's lock"),
        (("__schedule", "schedule_timeout", "kthread"), None),
    ],
)
def test_the_innermost_that_says_what_is_waited_for_decides(
    frames: tuple[str, ...], words: str | None
) -> None:
    wait = waits_for(Trace(frames=frames))
    assert (wait and wait.label) == words


def test_brackets_without_a_name_are_no_module() -> None:
    lines = ("RIP: 0010:f+0x1/0x2 [ ]", "Call Trace:", " g+0x1/0x2 []")
    assert parse_trace(lines) == Trace(place="f+0x1/0x2", frames=("g",), lines=lines)


@examples(300)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=60),
            st.sampled_from(
                ["Call Trace:", " f+0x1/0x2 [m]", " <TASK>", "RIP: 0010:f", "---[ end "]
            ),
            st.builds("CPU: {} PID: 1 Comm: {} Not tainted 1".format, st.integers(), st.text()),
        ),
        max_size=30,
    )
)
def test_any_lines_are_a_trace(lines: list[str]) -> None:
    trace = parse_trace(lines)
    assert trace.lines == tuple(lines[: len(trace.lines)])


@examples(300)
@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from(OOM)), max_size=12))
def test_no_line_is_two_kills(messages: list[str]) -> None:
    lines = [line(message, float(number)) for number, message in enumerate(messages)]
    found = kills(lines)
    assert len({id(kill.line) for kill in found}) == len(found) <= len(lines)


def test_events_are_told_apart_by_who_vouches_for_them() -> None:
    message = "Kernel panic - not syncing: Fatal exception"
    mine = line(message)
    earlier = line(message, this_boot=False, boot="b")
    forged = line(message, grade=Grade.FORGED)
    heard = line(message, grade=Grade.UNVERIFIED, this_boot=None, sources=("/var/log/messages",))
    refuted = line(message, grade=Grade.FORGED, sources=("/var/log/messages",))
    log = KernelLog((mine, earlier, forged, heard, refuted), LogSource("dmesg"), whole_boot=True)
    what = kernelpanic.Panic("Fatal exception", is_echo=False)
    assert find_events(log, kernelpanic.MODULE.phrases, kernelpanic.parse) == Events(
        this_boot=(Event(what, mine),),
        earlier_boots=(Event(what, earlier),),
        unverified=(Event(what, heard),),
        forged=2,
        first_forged=forged,
    )


def test_the_same_event_again_is_counted_and_not_told_again() -> None:
    one = Event(stuck(1, 22), line("x", 1.0), Trace(frames=("f", "g")))
    two = Event(stuck(2, 23), line("x", 2.0, count=3), Trace(frames=("f", "g")))
    other = Event(stuck(2, 23), line("x", 3.0), Trace(frames=("h",)))
    groups = group(sort_events([one, two, other]).this_boot)
    assert [(g.first, g.last, g.count) for g in groups] == [(other, other, 1), (one, two, 4)]


def test_without_a_trace_the_same_but_for_numbers_is_the_same_event() -> None:
    bugs = ["mm/slub.c:12", "mm/slub.c:900", "mm/mmap.c:12"]
    events = [Event(say("BUG at {place}", place=one), line("x", 1.0)) for one in bugs]
    assert sorted(one.count for one in group([*events, Event(stuck(1, 22), line("x"))])) == [
        1,
        1,
        2,
    ]


def stuck(cpu: int, seconds: int) -> Statement:
    return say("CPU {cpu} stuck for {seconds} s", cpu=cpu, seconds=seconds)
