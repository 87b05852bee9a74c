"""The same few records in each form in which programs print them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import time
from collections.abc import Sequence
from typing import Callable

BOOTED = 1790000000
BOOT_ID = "11111111111111111111111111111111"
HOST = "web-1"

EVENTS = {
    # net/netfilter/nf_conntrack_core.c, __nf_conntrack_alloc(), 6.1: the prefix of its file twice.
    "table full (nf_)": (
        "conntrackfull",
        "nf_conntrack: nf_conntrack: table full, dropping packet",
    ),
    # net/ipv4/netfilter/ip_conntrack_core.c, 2.6.9.
    "table full (ip_)": ("conntrackfull", "ip_conntrack: table full, dropping packet."),
    # net/core/neighbour.c, neigh_alloc(), 6.1.
    "neighbours": ("neighbourfull", "neighbour: arp_cache: neighbor table overflow!"),
    # mm/oom_kill.c, __oom_kill_process(), 6.1.
    "oom": (
        "oomkiller",
        "Out of memory: Killed process 4100 (java) total-vm:8123456kB, anon-rss:900000kB, "
        "file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:900kB oom_score_adj:0",
    ),
    "oom of a cgroup": (
        "oomkiller",
        "Memory cgroup out of memory: Killed process 2231 (app) total-vm:1253508kB, "
        "anon-rss:958776kB, file-rss:29400kB, shmem-rss:0kB, UID:65534 pgtables:288kB "
        "oom_score_adj:-997",
    ),
    # kernel/hung_task.c, check_hung_task(), 6.1.
    "hung task": ("hungtasks", "INFO: task postgres:2201 blocked for more than 122 seconds."),
    # kernel/watchdog.c, watchdog_timer_fn(), 6.1.
    "soft lockup": (
        "softlockup",
        "watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [worker:4711]",
    ),
    # kernel/watchdog.c, watchdog_overflow_callback(), 3.10.
    "hard lockup": ("softlockup", "Watchdog detected hard LOCKUP on cpu 3"),
    # kernel/softlockup.c, softlockup_tick(), 2.6.18.
    "soft lockup, 2.6": ("softlockup", "BUG: soft lockup detected on CPU#0!"),
    # arch/powerpc/kernel/watchdog.c, wd_lockup_ipi(), 6.1; arch/i386/kernel/nmi.c, 2.6.14.
    "hard lockup of POWER": ("softlockup", "watchdog: CPU 12 Hard LOCKUP"),
    "hard lockup, 2.6": ("softlockup", "NMI Watchdog detected LOCKUP on CPU 0"),
    # kernel/workqueue.c, wq_watchdog_timer_fn(), 5.10.
    "workqueue lockup": (
        "softlockup",
        "BUG: workqueue lockup - pool cpus=2 node=0 flags=0x0 nice=0 stuck for 72s!",
    ),
    # kernel/rcu/tree_stall.h, print_cpu_stall(), 6.1; kernel/rcutree.c, print_other_cpu_stall() and
    # print_cpu_stall(), 3.10; kernel/rcu/tree.c, print_other_cpu_stall(), 4.14; kernel/rcu/
    # tree_exp.h, 6.1.
    "RCU stall": ("softlockup", "rcu: INFO: rcu_sched self-detected stall on CPU"),
    "RCU stall of others": (
        "softlockup",
        "INFO: rcu_preempt detected stalls on CPUs/tasks: { 3} (detected by 1, t=21002 jiffies, "
        "g=4, c=3, q=5)",
    ),
    "RCU stall, 3.10": (
        "softlockup",
        "INFO: rcu_sched self-detected stall on CPU { 3}  (t=60000 jiffies g=1 c=0 q=22)",
    ),
    "RCU stall, 4.14": ("softlockup", "INFO: rcu_sched detected stalls on CPUs/tasks:"),
    "RCU stall, expedited": (
        "softlockup",
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 3-.... } 6301 jiffies "
        "s: 1785 root: 0x8/.",
    ),
    # lib/bug.c, __report_bug(), 6.1.
    "BUG": ("kernelbug", "kernel BUG at mm/slub.c:305!"),
    # arch/x86/mm/fault.c, show_fault_oops(), 6.1.
    "NULL dereference": (
        "kerneldereference",
        "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    ),
    # arch/arm64/mm/fault.c, die_kernel_fault(), 6.1.
    "page fault of arm64": (
        "kerneldereference",
        "Unable to handle kernel paging request at virtual address ffff8000877cde30",
    ),
    # arch/x86/kernel/traps.c, exc_general_protection(), 6.1; do_general_protection(), 4.14.
    "general protection fault": (
        "kerneldereference",
        "general protection fault, probably for non-canonical address 0xdead000000000122: 0000 "
        "[#1] PREEMPT SMP NOPTI",
    ),
    "general protection fault, 4.14": (
        "kerneldereference",
        "general protection fault: 0000 [#1] SMP PTI",
    ),
    # arch/x86/kernel/traps.c, exc_divide_error(), and dumpstack.c, __die_header(), 6.1.
    "divide error": ("kerneloops", "divide error: 0000 [#1] SMP NOPTI"),
    # kernel/panic.c, panic(), 6.1.
    "panic": ("kernelpanic", "Kernel panic - not syncing: Fatal exception"),
    # drivers/tty/serial/8250/8250_core.c, serial8250_interrupt(), 3.10.
    "console": ("consoleoverload", "serial8250: too much work for irq4"),
    # drivers/net/xen-netfront.c, xennet_start_xmit(), 3.10.
    "xennet": ("xennetrocket", "xennet: skb rides the rocket: 19 slots"),
}
"""An event's module, and the kernel's own words for it, with their file and the version read."""

Records = Sequence[tuple[float, str]]
Render = Callable[[Records], bytes]


def records(message: str) -> Records:
    """A boot, a message of the kernel's, and others around it."""
    return (
        (0.0, "Linux version 6.1.0-10-cloud-amd64 (a@b) (gcc-12) #1 SMP"),
        (0.0, "Command line: BOOT_IMAGE=/boot/vmlinuz root=/dev/nvme0n1p1 ro"),
        (1.25, "nvme nvme0: pci function 0000:00:04.0"),
        (99.5, message),
        (130.75, "ena 0000:00:05.0 eth0: link up"),
    )


def _lines(line: Callable[[float, str], str]) -> Render:
    return lambda told: "".join(f"{line(up, said)}\n" for up, said in told).encode()


def _at(form: str, up: float) -> str:
    return time.strftime(form, time.gmtime(BOOTED + up))


def _up(up: float) -> str:
    return f"[{up:12.6f}]"


def plain(told: Records) -> bytes:
    return _lines(lambda up, said: f"{_up(up)} {said}")(told)


def _dated(date: str, who: str = f"{HOST} kernel:") -> Render:
    return _lines(lambda up, said: f"{_at(date, up)} {who} {said}")


def _delta(form: str) -> Render:
    def render(told: Records) -> bytes:
        above = 0.0
        text = ""
        for up, said in told:
            text += form.format(up=up, delta=up - above, at=_at("%b%e %H:%M", up)) + f" {said}\n"
            above = up
        return text.encode()

    return render


def _human(told: Records) -> bytes:
    text, above = "", -1000.0
    for up, said in told:
        new = up - above > 60
        stamp = f"[{_at('%b%e %H:%M', up)}]" if new else f"[{f'+{up - above:.6f}':>11}]"
        text += f"{stamp} {said}\n"
        above = up
    return text.encode()


def _json(told: Records) -> bytes:
    parts = (
        f'      {{\n         "pri": 4,\n         "time": {up:12.6f},\n         "msg": '
        f"{json.dumps(said)}\n      }}"
        for up, said in told
    )
    return ('{\n   "dmesg": [\n' + ",".join(parts) + "\n   ]\n}\n").encode()


def fields(up: float, said: str) -> dict[str, str]:
    when = int((BOOTED + up) * 1e6)
    return {
        "__CURSOR": f"s=aa;i=1;b={BOOT_ID};m=1;t={when:x};x=1",
        "__REALTIME_TIMESTAMP": str(when),
        "__MONOTONIC_TIMESTAMP": str(int(up * 1e6)),
        "_BOOT_ID": BOOT_ID,
        "_TRANSPORT": "kernel",
        "PRIORITY": "4",
        "SYSLOG_FACILITY": "0",
        "SYSLOG_IDENTIFIER": "kernel",
        "MESSAGE": said,
        "_SOURCE_MONOTONIC_TIMESTAMP": str(int(up * 1e6)),
    }


def _objects(form: str, **how: object) -> Render:
    def render(told: Records) -> bytes:
        return "".join(
            form.format(json.dumps(fields(up, said), **how))  # type: ignore[arg-type]
            for up, said in told
        ).encode()

    return render


def _export(told: Records) -> bytes:
    return "".join(
        "".join(f"{key}={value}\n" for key, value in fields(up, said).items()) + "\n"
        for up, said in told
    ).encode()


def _verbose(told: Records) -> bytes:
    text = ""
    for up, said in told:
        when = int((BOOTED + up) * 1e6)
        text += _at("%a %Y-%m-%d %H:%M:%S.000000 UTC ", up)
        text += f"[s=aa;i=1;b={BOOT_ID};m={int(up * 1e6):x};t={when:x};x=1]\n"
        text += "".join(
            f"    {key}={value}\n" for key, value in fields(up, said).items() if key[:2] != "__"
        )
    return text.encode()


def _docker(told: Records) -> bytes:
    return "".join(
        json.dumps(
            {"log": f"{_up(up)} {said}\n", "stream": "stdout", "time": _at("%FT%T.123456789Z", up)},
            separators=(",", ":"),
        )
        + "\n"
        for up, said in told
    ).encode()


def _events(told: Records) -> bytes:
    return json.dumps(
        {
            "events": [
                {
                    "logStreamName": "i-0",
                    "timestamp": int((BOOTED + up) * 1000),
                    "message": f"{_at('%b %e %T', up)} {HOST} kernel: {_up(up)} {said}",
                    "ingestionTime": 1,
                }
                for up, said in told
            ]
        },
        indent=4,
    ).encode()


def wrapped(text: bytes, width: int = 72) -> bytes:
    """As a mail program breaks lines: between two words."""
    lines: list[str] = []
    for line in text.decode().split("\n"):
        while len(line) > width and (at := line.rfind(" ", 20, width + 1)) > 0:
            lines.append(line[:at])
            line = line[at + 1 :]
        lines.append(line)
    return "\n".join(lines).encode()


_syslog = _dated("%b %e %T")
_month = ("jan", "feb", "märz", "avr.", "мая", "juin", "7月", "août", "wrz", "okt.", "kas", "déc.")


def _foreign(up: float, said: str) -> str:
    name = _month[time.gmtime(BOOTED + up).tm_mon - 1]
    return f"{name} {_at('%e %T', up)} {HOST} kernel: {said}"


def _logcat(up: float, said: str) -> str:
    """As logd splits a message: what stands before the first colon is taken for a program."""
    tag, colon, rest = said.partition(": ")
    return f"{_at('%m-%d %T.123', up)}     0     0 W " + (
        f"{tag:8}: {rest}" if colon else f"        : {said}"
    )


STRONG: dict[str, Render] = {
    "dmesg": plain,
    "dmesg, caller": _lines(lambda up, said: f"{_up(up)}[    T1] {said}"),
    "dmesg, caller apart": _lines(lambda up, said: f"{_up(up)} [    C0] {said}"),
    "dmesg -T": _lines(lambda up, said: f"[{_at('%a %b %e %T %Y', up)}] {said}"),
    "dmesg -T, German": _lines(lambda up, said: f"[Mo {_at('%b %e %T %Y', up)}] {said}"),
    "dmesg -T, Japanese": _lines(lambda up, said: f"[月  9月 {_at('%e %T %Y', up)}] {said}"),
    "dmesg -x": _lines(lambda up, said: f"kern  :warn  : {_up(up)} {said}"),
    "dmesg -x -T": _lines(lambda up, said: f"kern  :err   : [{_at('%a %b %e %T %Y', up)}] {said}"),
    "dmesg -x -t": _lines(lambda up, said: f"kern  :warn  : {said}"),
    "dmesg -r": _lines(lambda up, said: f"<4>{_up(up)} {said}"),
    "dmesg -r, no times": _lines(lambda up, said: f"<4>{said}"),
    "dmesg -d": _delta("[{up:12.6f} <{delta:12.6f}>]"),
    "dmesg -H": _human,
    "dmesg -J": _json,
    "dmesg --time-format iso": _lines(lambda up, said: f"{_at('%FT%T,500000+00:00', up)} {said}"),
    "dmesg --time-format delta": _delta("[<{delta:12.6f}>]"),
    "dmesg -L=always": _lines(
        lambda up,
        said: f"\x1b[32m{_up(up)} \x1b[0m\x1b[33m{said[:9]}\x1b[0m\x1b[1m{said[9:]}\x1b[0m"
    ),
    "/dev/kmsg": _lines(lambda up, said: f"4,12,{int(up * 1e6)},-;{said}"),
    "/dev/kmsg, callers": _lines(lambda up, said: f"4,12,{int(up * 1e6)},-,caller=T1;{said}"),
    "netconsole, extended": _lines(lambda up, said: f"6.4.0,4,12,{int(up * 1e6)},-;{said}"),
    "pstore": lambda told: b"Panic#1 Part1\n" + STRONG["dmesg -r"](told),
    "crash log -m": _lines(lambda up, said: f"{_up(up)} <4>{said}"),
    "/var/log/dmesg": _lines(lambda up, said: f"{_up(up)} kernel: {said}"),
    "Talos": _lines(lambda up, said: f"kern: warning: [{_at('%FT%T.123456789Z', up)}]: {said}"),
    "Talos of a node": _lines(
        lambda up, said: f"10.0.0.1: kern:    info: [{_at('%FT%T.123456789Z', up)}]: {said}"
    ),
    "Android": _lines(lambda up, said: f"<4>{_up(up)}  [0:      swapper/0:    0] {said}"),
    "carriage returns": lambda told: plain(told).replace(b"\n", b"\r\n"),
    "old line ends": lambda told: plain(told).replace(b"\n", b"\r"),
    "BOM": lambda told: b"\xef\xbb\xbf" + plain(told),
    "UTF-16": lambda told: plain(told).decode().replace("\n", "\r\n").encode("utf-16"),
    "UTF-16 BE, no mark": lambda told: plain(told).decode().encode("utf-16-be"),
    "UTF-16 LE, no mark": lambda told: plain(told).decode().encode("utf-16-le"),
    "quoted": _lines(lambda up, said: f"> {_up(up)} {said}"),
    "quoted twice": _lines(lambda up, said: f"> > {_up(up)} {said}"),
    "indented": _lines(lambda up, said: f"    {_up(up)} {said}"),
    "far in": _lines(lambda up, said: f"{' ' * 12}{_up(up)} {said}"),
    "markdown": lambda told: b"Hello,\n\n```\n" + plain(told) + b"```\nBye\n",
    "wrapped": lambda told: wrapped(plain(told)),
    "gzip": lambda told: gzip.compress(plain(told)),
    "xz": lambda told: lzma.compress(plain(told)),
    "bzip2": lambda told: bz2.compress(plain(told)),
    "journalctl -o json": _objects("{}\n"),
    "journalctl -o json-pretty": _objects("{}\n", indent="\t"),
    "journalctl -o json-sse": _objects("data: {}\n\n"),
    "journalctl -o json-seq": _objects("\x1e{}\n"),
    "journalctl -o export": _export,
    "journalctl -o verbose": _verbose,
    "journalctl, header": lambda told: (
        b"-- Logs begin at Mon 2026-09-21 08:00:00 UTC, end at Mon 2026-09-21 14:16:00 UTC. --\n"
        + _syslog(told)
    ),
}
"""Forms in which the words are the kernel's, as far as a text can show that."""

WEAK: dict[str, Render] = {
    "rsyslog": _lines(lambda up, said: f"{_at('%b %e %T', up)} {HOST} kernel: {_up(up)} {said}"),
    "rsyslog, ISO": _lines(
        lambda up, said: f"{_at('%FT%T.123456+00:00', up)} {HOST} kernel: {_up(up)} {said}"
    ),
    "SUSE": _lines(
        lambda up, said: f"{_at('%FT%T.123456+00:00', up)} {HOST} kernel: {_up(up)}[  T123] {said}"
    ),
    "rsyslog, forwarded": _lines(
        lambda up, said: f"<4>{_at('%FT%T.123456+00:00', up)} {HOST} kernel: {said}"
    ),
    "RFC 5424": _lines(
        lambda up,
        said: f"<4>1 {_at('%FT%T.123456+00:00', up)} {HOST} kernel - - - {_up(up)} {said}"
    ),
    "RFC 5424 of syslog-ng": _lines(
        lambda up, said: f"<4>1 {_at('%FT%T+00:00', up)} {HOST} kernel - - "
        f'[meta sequenceId="1"] {_up(up)} {said}'
    ),
    "journalctl": _syslog,
    "journalctl --no-hostname": _dated("%b %e %T", "kernel:"),
    "journalctl -o short-precise": _dated("%b %e %T.123456"),
    "journalctl -o short-iso": _dated("%FT%T+0000"),
    "journalctl -o short-iso-precise": _dated("%FT%T.123456+0000"),
    "journalctl -o short-full": _dated("%a %F %T UTC"),
    "journalctl -o short-full, Brazil": _dated("%a %F %T -03"),
    "journalctl -o short-full, India": _dated("%a %F %T IST"),
    "journalctl -o short-unix": _lines(lambda up, said: f"{BOOTED + up:.6f} {HOST} kernel: {said}"),
    "journalctl -o short-monotonic": _lines(lambda up, said: f"{_up(up)} {HOST} kernel: {said}"),
    "journalctl -o short-delta": _lines(
        lambda up, said: f"[{up:12.6f} <    0.500000 >] {HOST} kernel: {said}"
    ),
    "journalctl -o with-unit": _dated("%a %F %T UTC"),
    "journalctl, other languages": _lines(_foreign),
    "journalctl in colours": _lines(
        lambda up, said: f"{_at('%b %e %T', up)} {HOST} kernel: \x1b[0;1;31m{said[:12]}"
        f"\x1b[0;1;39m{said[12:]}\x1b[0m"
    ),
    "busybox syslogd": _dated("%b %e %T", f"{HOST} kern.warn kernel:"),
    "busybox syslogd -S": _dated("%b %e %T", "kernel:"),
    "logread": _lines(
        lambda up, said: f"{_at('%a %b %e %T %Y', up)} kern.warn kernel: {_up(up)} {said}"
    ),
    "logread -t": _lines(
        lambda up, said: f"{_at('%a %b %e %T %Y', up)} [{BOOTED + up:.3f}] kern.warn kernel: {said}"
    ),
    "metalog": _dated("%b %e %T", "[kernel]"),
    "logcat": _lines(_logcat),
    "wall": _lines(
        lambda up, said: f"\nMessage from syslogd@h at {_at('%b %e %T', up)} ...\n "
        f"kernel:{_up(up)} {said}"
    ),
    "CloudWatch": _lines(
        lambda up, said: f"{_at('%FT%T.000Z', up)} {_at('%b %e %T', up)} h kernel: {_up(up)} {said}"
    ),
    "aws logs tail": _lines(
        lambda up, said: f"{_at('%FT%T.000000+00:00', up)} i-0/messages {_at('%b %e %T', up)} h "
        f"kernel: {said}"
    ),
    "aws logs get-log-events": _events,
    "Docker": _docker,
    "CRI": _lines(lambda up, said: f"{_at('%FT%T.123456789Z', up)} stdout F {_up(up)} {said}"),
    "kubectl logs --timestamps": _lines(
        lambda up, said: f"{_at('%FT%T.123456789Z', up)} {_up(up)} {said}"
    ),
    "kubectl logs --prefix": _lines(lambda up, said: f"[pod/a/b] {_up(up)} {said}"),
    "docker compose": _lines(lambda up, said: f"dmesg-1  | {_up(up)} {said}"),
    "netconsole by rsyslog": _lines(
        lambda up, said: f"{_at('%b %e %T', up)} 10.0.0.1 {_up(up)} {said}"
    ),
    "no times": _lines(lambda up, said: said),
    "journalctl -o cat": _lines(lambda up, said: said),
    "grep -n": lambda told: b"".join(
        b"%d:%s\n" % (number, line) for number, line in enumerate(plain(told).splitlines(), 1)
    ),
    "a logged terminal": _lines(lambda up, said: f"[{_at('%F %T.123', up)}] {_up(up)} {said}"),
}
"""Forms in which any user may have written the words, and what another program passed on."""

NO_LOGS: dict[str, Render] = {
    "HTML": lambda told: (
        b"<!DOCTYPE html>\n<html><body><pre>\n" + plain(told) + b"</pre></body></html>\n"
    ),
    "PDF": lambda told: b"%PDF-1.7\n" + plain(told) + b"%%EOF\n",
    "another program's JSON": _lines(
        lambda up, said: json.dumps({"level": "error", "msg": f"{_up(up)} {said}"})
    ),
}
"""What is no log, though the words stand in it."""

ALL = {**STRONG, **WEAK, **NO_LOGS}
