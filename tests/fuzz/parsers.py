"""Many hostile texts through every parser of outside words: 0 crashes, 0 hangs.

`python tests/fuzz/parsers.py --count 1000000 [--seed S] [--only NAME]` mutates real texts, prints
for each parser how many it took, what it raised that it may not, and the slowest input.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ec2rl.arguments import UsageError, moment, parse  # noqa: E402
from ec2rl.arguments import seconds as parse_seconds  # noqa: E402
from ec2rl.commands import all_commands  # noqa: E402
from ec2rl.conntrack.allowance import parse_allowance  # noqa: E402
from ec2rl.conntrack.counters import parse_conntrack_stats, parse_stat  # noqa: E402
from ec2rl.conntrack.messages import PHRASES, understand  # noqa: E402
from ec2rl.conntrack.namespaces import inode_number  # noqa: E402
from ec2rl.conntrack.owner import owner  # noqa: E402
from ec2rl.diagnosis.events import find_events, group  # noqa: E402
from ec2rl.diagnosis.observations import Observations  # noqa: E402
from ec2rl.facts.kmsg import kmsg_span, parse_kmsg  # noqa: E402
from ec2rl.facts.log import KernelLog, LogLine, LogSource  # noqa: E402
from ec2rl.facts.oom import kills  # noqa: E402
from ec2rl.facts.oops import oopses  # noqa: E402
from ec2rl.facts.syslog import parse_lines  # noqa: E402
from ec2rl.facts.trace import parse_trace  # noqa: E402
from ec2rl.facts.trust import Grade  # noqa: E402
from ec2rl.forms.parse import parse_record  # noqa: E402
from ec2rl.forms.times import epoch  # noqa: E402
from ec2rl.host import Line  # noqa: E402
from ec2rl.host.recording import CaseError, RecordedHost, sections  # noqa: E402
from ec2rl.module import Options  # noqa: E402
from ec2rl.modules import (  # noqa: E402
    consoleoverload,
    hungtasks,
    kernelbug,
    kerneldereference,
    kerneloops,
    kernelpanic,
    oomkiller,
    softlockup,
    xennetrocket,
)
from ec2rl.record import replace  # noqa: E402
from ec2rl.report.wording import details, summary  # noqa: E402

COMMANDS = all_commands()

NOW = 1795485600.0
FULL = "nf_conntrack: nf_conntrack: table full in netns 4026532315, dropping packet"
ID = "4f5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f901234567890abcdef012"
LINES = (
    f"Nov  6 02:39:55 doom kernel: [12345.678901] {FULL}",
    f"2026-11-22T22:11:14.123456+00:00 host kernel: {FULL}",
    f"kern  :warn  : [Fri Nov  6 02:39:55 2026] {FULL}",
    f"<4>[  371.094886][ T1234] {FULL}",
    f"Nov  6 02:39:55 host kernel: message repeated 3 times: [ [1.000000] {FULL}]",
)
TRACES = (
    "RIP: e030:[<ffffffff810d8a2b>]  [<ffffffff810d8a2b>] f+0x20b/0x270 [m]\nCPU: 0 PID: 2345 "
    "Comm: java Not tainted 3.10.0 #1\nCall Trace:\n <IRQ>  [<ffffffff8105f9a0>] ? g+0x70/0x70\n"
    " <<EOE>>  <IRQ>  [<ffffffff8105fa9d>] h+0x1d/0x20 [n]\n---[ end trace 4e1e7a3f0b9d2c11 ]---",
    "CPU: 3 UID: 0 PID: 777 Comm: a b Kdump: loaded Tainted: G     D W  6.12.40 #1 PREEMPT(lazy) \n"
    "RIP: 0010:__list_del_entry+0x8e/0xa0\nCall Trace:\n <TASK>\n f.isra.0+0x1/0x2\n </TASK>\n",
    "PC is at f+0x1c/0x90 [m]\nCall trace:\nException stack(0xffff to 0xffff)\n"
    "bc00: ffff8003 0000\n[<ffff000000a9101c>] f+0x1c/0x90 [m]\nCPU: 1 PID: 1 Comm: x Not tainted",
)
OOM = (
    "node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL|__GFP_ZERO), nodemask=(null),  order=0, "
    "oom_score_adj=999\nMem-Info:\nTask in /a killed as a result of limit of /a\n"
    "memory: usage 262144kB, limit 9007199254740988kB, failcnt 44",
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,b,"
    "task_memcg=/c,task=x, y,pid=7,uid=0\nMemory cgroup out of memory: Killed process 7 (x, y) "
    "total-vm:9kB, anon-rss:7kB, file-rss:1kB, shmem-rss:2kB, UID:0 pgtables:104kB oom_score_adj:0",
    "Killed process 7 (x) total-vm:9kB, anon-rss:7kB, file-rss:1kB\nTasks in /a are going to be "
    "killed due to memory.oom.group set\nKilled process 8 (y) total-vm:9kB, anon-rss:7kB, "
    "file-rss:1kB",
    "x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\nMem-Info:\n"
    "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n"
    "[    812]     0   812  9030864  6725000 52314816        0          -999 dockerd\n"
    "Out of memory and no killable processes...\nKernel panic - not syncing: System is deadlocked "
    "on memory",
    "Out of memory: Kill process 12562 (java) score 847 or sacrifice child\n"
    "Killed process 9682, UID 27, (mysqld) total-vm:47388kB, anon-rss:3744kB, file-rss:80kB",
)
EVENTS = (
    "watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [containerd-shim:9876]",
    "watchdog: CPU28: Watchdog detected hard LOCKUP on cpu 28",
    "kernel BUG at fs/ext4/inode.c:2721!",
    "Kernel BUG at f+0x13/0x1000 [m] [verbose debug info unavailable]",
    "BUG: unable to handle kernel NULL pointer dereference at           (null)",
    "Unable to handle kernel access to user memory with fs=KERNEL_DS at virtual address 0068",
    "Oops: general protection fault, probably for non-canonical address 0x6b: 0000 [#4] SMP",
    "Internal error: Oops - Undefined instruction: 0000000002000000 [#1] PREEMPT SMP",
    "kernel BUG at mm/slub.c:1!\nkernel BUG at mm/slub.c:2!\ninvalid opcode: 0000 [#1] SMP PTI",
    "Kernel panic - not syncing: Fatal exception in interrupt",
    "INFO: task jbd2/nvme1n1p1-:811 blocked in I/O wait for more than 122 seconds.\n"
    "INFO: task a:1 <writer> blocked on an rw-semaphore likely owned by task ps:2288 <reader>",
    "serial8250: too much work for irq4",
    "hvc hvc0: 2 input overrun(s)",
    "xen_netfront: xennet: skb rides the rocket: 19 slots, 65226 bytes",
)
MODULES = (consoleoverload, hungtasks, kernelpanic, xennetrocket)
OF_MANY_LINES = (kernelbug, kerneldereference, kerneloops, softlockup)
SEEDS: dict[str, tuple[str, ...]] = {
    "kmsg": (
        f"6,0,0,-;boot\n4,1234,371094886,-,caller=T1;{FULL}\n SUBSYSTEM=net\n DEVICE=n2\n",
        f"4,5000,1,c;a\\x0a{FULL}\n12,5001,2,-;{FULL}\n6,9000,3,-;end",
    ),
    "line": LINES,
    "understand": (
        FULL,
        "ip_conntrack: maximum limit of 16368 entries exceeded",
        "nf_conntrack: expectation table full",
        "net_ratelimit: 384 callbacks suppressed",
        "neighbour: arp_cache: neighbor table overflow!",
        "TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies. ",
        "Missed 26351 kernel messages",
    ),
    "trace": TRACES,
    "oom": OOM,
    "events": tuple(f"{event}\n{trace}" for event in EVENTS for trace in TRACES),
    "stat": (
        "entries  clashres found new chainlength insert insert_failed drop early_drop\n"
        "00000032  00000000 00000000 00000000 00000000 00000000 00000000 00000017 00000001\n" * 2,
        "cpu=0   found=0 invalid=3 insert=0 insert_failed=1 drop=10 early_drop=2 chaintoolong=0\n",
    ),
    "allowance": (
        "NIC statistics:\n     conntrack_allowance_exceeded: 4711\n"
        "     conntrack_allowance_available: 136812\n",
    ),
    "owner": (
        f"0::/system.slice/docker-{ID}.scope",
        f"4:memory:/kubepods/besteffort/pod0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/{ID}\n",
        "0::/user.slice/user-0.slice/user@0.service/app.slice/my.service",
        "net:[4026531840]",
    ),
    "case": (
        "A title.\n-- clock --\nnow=2026-11-24T02:00:00Z uptime=9\n-- /dev/kmsg --\n!denied\n"
        "-- /var/log/messages; modified=2026-11-24T01:00:00Z; gap=cut --\n" + LINES[0] + "\n"
        '-- journal --\n{"MESSAGE": "x"}\n-- ls /proc --\n1\n\\!2\n-- expect --\nOK',
    ),
    "arguments": (
        "run --only-modules=conntrackfull --json --deadline=5m --since 2h\\ ago --no x --",
        "explain conntrackfull --page-only --interval 500ms",
        "help run list --help -h --version --perfimpact=true",
        "2026-11-24 02:00:00",
        "@1790000000",
        "1.5h",
    ),
}
GLUE = (
    *("\n", "\0", "\r", "\x1b[2J", "\udcff", "\u2028", "٣", "²", " ", "  ", "[", "]", "(", "%s"),
    *(
        "-",
        "--",
        "=",
        ":",
        ";",
        ",",
        "\\",
        "\\x0a",
        "!",
        "0",
        "9" * 30,
        "-1",
        "1e999",
        "nan",
        "inf",
    ),
    *("x" * 300, " " * 300, "[" * 100, "0001-01-01", "9999-12-31T23:59:59", "Feb 29"),
)


def mutated(rng: random.Random, seeds: tuple[str, ...]) -> str:
    text = rng.choice(seeds)
    for _ in range(rng.randrange(1, 6)):
        a, b = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        kind = rng.randrange(6)
        if kind == 0:
            text = text[:a] + rng.choice(GLUE) + text[a:]
        elif kind == 1:
            text = text[:a] + text[b:]
        elif kind == 2 and len(text) < 4000:
            text = text[:b] + text[a:b] + text[b:]
        elif kind == 3:
            text = text[:a] + rng.choice(GLUE) + text[a + 1 :]
        elif kind == 4:
            text = text[:a] + rng.choice(seeds)[a:]
        else:
            text = (
                text[:a] + chr(rng.choice((rng.randrange(128), rng.randrange(0xD000)))) + text[a:]
            )
    return text


def take_kmsg(text: str) -> None:
    kmsg_span(text)
    for line in parse_kmsg(text, PHRASES, "b", NOW - 1000):
        understand(line.message)
        time.localtime(line.time)


def take_line(text: str) -> None:
    parsed = parse_record(text)
    if parsed is not None and parsed.stamp:
        when = epoch(parsed.stamp, NOW)
        assert when is None or abs(when) < 1e12
    parse_lines("/f", (Line(0, text), Line(1, text, hit=False)), NOW, NOW - 1000)


def take_trace(text: str) -> None:
    lines = text.split("\n")
    trace = parse_trace(lines)
    assert trace.lines == tuple(lines[: len(trace.lines)])
    assert trace.top.count(" < ") < 6


def told(text: str) -> LogLine:
    message, *context = text.split("\n")
    return LogLine(message, ("dmesg",), NOW, 5, "b", True, Grade.KERNEL, 1, tuple(context))


def take_oom(text: str) -> None:
    lines = [told(line) for line in text.split("\n")] + [told(text)]
    assert len(kills(lines)) <= len(lines)
    host = RecordedHost({"clock": "now=2026-11-24T02:00:00Z uptime=9"})
    log = KernelLog((told(text), *lines), LogSource("dmesg"), None, (), NOW, whole_boot=True)
    finding = oomkiller.MODULE.judge(oomkiller.MODULE.read(host, log, Options()))
    assert summary(finding)
    assert details(finding)


def take_events(text: str) -> None:
    log = KernelLog((told(text),), LogSource("dmesg"), None, (), NOW, whole_boot=True)
    for module in MODULES:
        events = find_events(log, module.MODULE.phrases, module.parse)
        assert len(events.this_boot) <= 1
        group(events.this_boot)
        finding = module.MODULE.judge(Observations(log, events))
        assert summary(finding)
        assert details(finding)
    lines = text.split("\n")
    assert len(oopses([told(text)])) <= len(lines)
    log = replace(log, lines=tuple(map(told, lines)))
    host = RecordedHost({"clock": "now=2026-11-24T02:00:00Z uptime=9"})
    for module in OF_MANY_LINES:
        finding = module.MODULE.judge(module.MODULE.read(host, log, Options()))
        assert summary(finding)
        assert details(finding)


def take_stat(text: str) -> None:
    for found in (parse_stat(text), parse_conntrack_stats(text, None)):
        assert found is None or found.refused is None or found.refused >= 0


def take_owner(text: str) -> None:
    owner(text, text[:15])
    inode_number(text)


def take_case(text: str) -> None:
    try:
        host = RecordedHost(sections(text)[1])
        host.read("/dev/kmsg")
        host.names("/proc")
        host.search(["/var/log/messages"], PHRASES)
        host.journal(PHRASES)
        host.clock()
    except (CaseError, ValueError, KeyError, OverflowError, AttributeError, TypeError):
        pass  # a case is our own text: that it cannot be understood is told to its author


def take_arguments(text: str) -> None:
    for ask in (
        lambda: parse(text.split(" "), COMMANDS),
        lambda: moment("since", text, NOW),
        lambda: parse_seconds("deadline", text, 1, 86400),
    ):
        try:
            ask()
        except UsageError:
            continue


PARSERS: dict[str, Callable[[str], object]] = {
    "kmsg": take_kmsg,
    "line": take_line,
    "understand": understand,
    "trace": take_trace,
    "oom": take_oom,
    "events": take_events,
    "stat": take_stat,
    "allowance": lambda text: parse_allowance("eth0", text),
    "owner": take_owner,
    "case": take_case,
    "arguments": take_arguments,
}


def campaign(name: str, count: int, seed: int) -> int:
    rng = random.Random(f"{seed} {name}")
    crashes, slowest, worst = 0, 0.0, ""
    take, seeds = PARSERS[name], SEEDS[name]
    began = time.monotonic()
    for _ in range(count):
        text = mutated(rng, seeds)
        start = time.perf_counter()
        try:
            take(text)
        except Exception as error:  # whatever it is, it is what we look for
            crashes += 1
            if crashes <= 5:
                print(f"{name}: {type(error).__name__}: {error}: {text!r}")
        took = time.perf_counter() - start
        if took > slowest:
            slowest, worst = took, text
    rate = count / (time.monotonic() - began)
    print(
        f"{name:12} {count} inputs, {crashes} crashes, slowest {slowest * 1000:.2f} ms "
        f"({len(worst)} characters), {rate:.0f}/s",
        flush=True,
    )
    return crashes


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", choices=sorted(PARSERS))
    said = options.parse_args()
    names = [said.only] if said.only else list(PARSERS)
    return int(bool(sum(campaign(name, said.count, said.seed) for name in names)))


if __name__ == "__main__":
    sys.exit(main())
