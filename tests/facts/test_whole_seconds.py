"""`dmesg -T` has whole seconds: all lines of a report bear one stamp, and are one report."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.whole_lines import is_whole
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved_logs import open_logs
from ec2rl.model import Finding
from ec2rl.module import Options
from ec2rl.report.wording import details

AT = "[Tue Mar  3 07:15:42 2026] "
OLD = """\
node invoked oom-killer: gfp_mask=0x24000c0(GFP_KERNEL), order=0, oom_score_adj=995
node cpuset=docker-aaaa.scope mems_allowed=0
CPU: 1 PID: 8121 Comm: node Not tainted 4.9.0-19-amd64 #1 Debian 4.9.320-2
Hardware name: Xen HVM domU, BIOS 4.11.amazon 08/24/2006
 0000000000000000 ffffffffb3536b1d ffffb5ad40d97de0 ffff9f1d36e2e000
Call Trace:
 [<ffffffffb3536b1d>] ? dump_stack+0x66/0x81
Task in /docker/aaaa killed as a result of limit of /docker/aaaa
memory: usage 262144kB, limit 262144kB, failcnt 1204
memory+swap: usage 262144kB, limit 9007199254740988kB, failcnt 0
Memory cgroup stats for /docker/aaaa: cache:40KB rss:262104KB rss_huge:0KB mapped_file:0KB
[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name
[ 8121]  1000  8121   310121    65011     402      11        0           995 node
Memory cgroup out of memory: Kill process 8121 (node) score 1994 or sacrifice child
Killed process 8121 (node) total-vm:1240484kB, anon-rss:259100kB, file-rss:944kB, shmem-rss:0kB
"""
HOST = """\
cron invoked oom-killer: gfp_mask=0x1100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0
CPU: 0 PID: 600 Comm: cron Not tainted 6.1.0-26-cloud-amd64 #1  Debian 6.1.112-1
Hardware name: Amazon EC2 t3.nano/, BIOS 1.0 10/16/2017
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 ? oom_kill_process.cold+0xb/0x10
RIP: 0033:0x7f1c8b0a2d90
Code: Unable to access opcode bytes at 0x7f1c8b0a2d66.
RSP: 002b:00007ffd2a1d8f58 EFLAGS: 00010202
RAX: 0000000000000000 RBX: 0000000000000001 RCX: 00007f1c8b0a2d90
 </TASK>
Mem-Info:
active_anon:108 inactive_anon:101121 isolated_anon:0
 active_file:40 inactive_file:12 isolated_file:0
Node 0 active_anon:432kB inactive_anon:404484kB writeback_tmp:0kB all_unreclaimable? no
Node 0 DMA free:1904kB boost:0kB min:88kB low:108kB high:128kB local_pcp:0kB free_cma:0kB
lowmem_reserve[]: 0 430 430 430 430
Node 0 DMA: 4*4kB (U) 2*8kB (UM) 0*16kB 1*2048kB (E) = 1904kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
121 total pagecache pages
0 pages in swap cache
Free swap  = 0kB
Total swap = 0kB
127882 pages RAM
0 pages HighMem/MovableOnly
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    721]     0   721   402112    98800   811008        0             0 mysqld
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
task_memcg=/system.slice/mysql.service,task=mysqld,pid=721,uid=110
Out of memory: Killed process 721 (mysqld) total-vm:1608448kB, anon-rss:395200kB, file-rss:0kB, \
shmem-rss:0kB, UID:110 pgtables:792kB oom_score_adj:0
oom_reaper: reaped process 721 (mysqld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
"""
TWO_TASKS = """\
docker0: port 3(veth1a2b3c4) entered disabled state
INFO: task mysqld:721 blocked for more than 120 seconds.
      Not tainted 5.10.0-32-cloud-amd64 #1 Debian 5.10.223-1
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:mysqld          state:D stack:    0 pid:  721 ppid:     1 flags:0x00004000
Call Trace:
 __schedule+0x282/0x870
 io_schedule+0x46/0x70
INFO: task cron:600 blocked for more than 120 seconds.
      Not tainted 5.10.0-32-cloud-amd64 #1 Debian 5.10.223-1
"""


def judged(name: str, folder: Path, text: str) -> Finding:
    path = folder / "dmesg.txt"
    path.write_text("".join(AT + line + "\n" for line in text.splitlines()), encoding="utf-8")
    module = load(name)
    host = open_logs([str(path)], module.phrases)
    assert isinstance(host, RecordedHost)
    finding: Finding = module.judge(
        module.read(host, read_kernel_log(host, module.phrases), Options())
    )
    return finding


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("oomkiller", OLD, ("node (8121)", "cgroup /docker/aaaa was at its limit of 256 MiB")),
        ("oomkiller", HOST, ("mysqld (721)", "mysqld was the largest", "cron had asked")),
        ("oomkiller", "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready\n" + OLD,
         ("cgroup /docker/aaaa was at its limit of 256 MiB",)),
        ("hungtasks", TWO_TASKS, ("mysqld (721)", "cron (600)")),
    ],
)  # fmt: skip
def test_a_report_within_one_second_is_one(
    tmp_path: Path, name: str, text: str, said: tuple[str, ...]
) -> None:
    found = judged(name, tmp_path, text)
    told = " ".join(details(found))
    assert found.verdict.name == "PROBLEM"
    assert "ot verified" not in told
    assert all(words in told for words in said), told


@pytest.mark.parametrize(
    "carrier",
    [
        'overlayfs: unrecognized mount option "x',
        "usb 1-1: Product: 12345",
        "input: cafe",
        "process '/tmp/x",
        "tmpfs: Unknown parameter 'size",
        "a driver of tomorrow: name=x",
        "name: 12kB",
    ],
)
def test_a_report_behind_a_users_string_is_not_believed(tmp_path: Path, carrier: str) -> None:
    assert not is_whole(carrier)
    found = judged("oomkiller", tmp_path, f"{carrier}\n{HOST}")
    assert found.verdict.name != "PROBLEM"
