"""Many hostile sysctl.d, modprobe.d, modules-load.d, udev and script texts through their parsers,
and through the whole answer for any key; and, as root
with `--real N` and `--any N`, random layouts of files through the real systemd-sysctl and `sysctl
--system`: about connection tracking's keys, and about any keys.

`python tests/fuzz/sysctl_conf.py --count 1000000 [--seed S] [--real 300] [--any 200]`
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ec2rl.facts import modprobe_conf, sysctl_conf  # noqa: E402
from ec2rl.facts.sysctl_conf import Assignment, Reader  # noqa: E402
from ec2rl.host.recording import RecordedHost  # noqa: E402
from ec2rl.next_boot.rules import Rules  # noqa: E402
from ec2rl.next_boot.settings import next_boot  # noqa: E402

KEYS = (
    "net.netfilter.nf_conntrack_max",
    "net/netfilter/nf_conntrack_max",
    "net.nf_conntrack_max",
    "net/nf_conntrack_max",
    "net.netfilter.nf_conntrack_buckets",
    "net.netfilter.nf_conntrack_tcp_timeout_close",
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_*",
    "net.netfilter.nf_conntrack_*_close",
    "net.netfilter.nf_conntrack_?a[a-x]",
    "net.*.nf_conntrack_{max,buckets}",
    "options nf_conntrack hashsize",
    "install nf-conntrack",
    "blacklist nf_conntrack",
    "net.ipv4.conf.eth0.rp_filter",
    "sysctl.vm.swappiness",
    "echo 9 > /proc/sys/vm/swappiness",
    "ExecStart=sysctl -w vm.*",
    "sysctl -p",
    'SUBSYSTEM=="net", RUN+="/systemd-sysctl --prefix=/net/$name"',
)
PIECES = (
    *KEYS,
    *("=", " = ", "=5", "=6", "=7", "=0x10", "=010", "= 9 # nine", "-", "#", ";", "\n", "\n\n"),
    *("\r\n", "\r", "\0", "\t", " ", "\v", "\\\n", "/", ".", "*", "?", "[", "]", "[^", "[!", "{"),
    *("}", ",", '"', "\u0663", "\ufeff", "\\xff", "é", "1" * 30, "nf_conntrack"),
)
EXISTING = ("net/netfilter/nf_conntrack_max", "net/nf_conntrack_max")


READ = (
    *("/etc/sysctl.d/a.conf", "/proc/cmdline", "/etc/rc.local", "/etc/udev/rules.d/a.rules"),
    *("/etc/systemd/system/a.service", "/etc/tuned/active_profile", "/etc/sysctl.conf"),
)
"""Files of a host that hold the same hostile text."""
FOUND = {
    "ls /usr/lib/systemd": "systemd-sysctl",
    "link /etc/systemd/system/multi-user.target.wants/a.service": "../a.service",
    "/proc/sys/vm/swappiness": "60",
    "/proc/sys/net/ipv4/conf/eth0/rp_filter": "0",
}


def text(rng: random.Random) -> str:
    return "".join(rng.choices(PIECES, k=rng.randrange(1, 24)))


def parse_all(words: str) -> None:
    for reader in Reader:
        items = [
            item for item in sysctl_conf.parse("f", words, reader) if isinstance(item, Assignment)
        ]
        for _, item in sysctl_conf.writes(items, reader, EXISTING):
            sysctl_conf.kernel_int(item.value or "")
    for command in modprobe_conf.commands("f", words):
        for parameter in modprobe_conf.parameters(command):
            modprobe_conf.kernel_uint(parameter.value)
    list(modprobe_conf.named_modules("f", words))
    list(modprobe_conf.from_command_line("f", words, "nf_conntrack"))
    host = RecordedHost(dict.fromkeys(READ, f"\\{words}") | FOUND)
    next_boot(host, Rules(host))


def parsers(count: int, seed: int) -> int:
    rng = random.Random(seed)
    crashes, slowest, longest = 0, "", 0.0
    for _ in range(count):
        words = text(rng)
        begin = time.perf_counter()
        try:
            parse_all(words)
        except Exception as error:  # a campaign counts every kind of crash
            crashes += 1
            print(f"crash: {error!r} for {words!r}")
        took = time.perf_counter() - begin
        if took > longest:
            longest, slowest = took, words
    print(f"{count} inputs, {crashes} crashes, slowest {longest * 1000:.1f} ms: {slowest!r}")
    return crashes


FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
NAMES = ("10-a.conf", "50-b.conf", "99-netfilter.conf", "99-sysctl.conf", ".c.conf", "d.conf~")


def layout(rng: random.Random) -> dict[str, str]:
    files = {}
    for _ in range(rng.randrange(1, 6)):
        path = f"{rng.choice(FOLDERS)}/{rng.choice(NAMES)}"
        kind = rng.random()
        if kind < 0.1:
            files[path] = rng.choice(("-> /dev/null", "-> /nowhere", "-> ../sysctl.conf"))
            continue
        lines = []
        for _ in range(rng.randrange(1, 6)):
            sign = rng.choice(("", "", "", "-", "# ", " "))
            value = rng.choice(("=1", " = 2", "=3 ", "=4 # four", "=5", "", "=", "=6=7"))
            lines.append(sign + rng.choice(KEYS[:11]) + value)
        files[path] = rng.choice(("\n", "\n", "\r\n")).join(lines)
    if rng.random() < 0.5:
        files["/etc/sysctl.conf"] = f"{rng.choice(KEYS[:5])}=8\n"
    return files


def real(count: int, seed: int) -> int:
    from facts.test_sysctl_layouts import computed
    from support.layouts import lay, run

    rng = random.Random(seed)
    differ = 0
    for number in range(count):
        files = layout(rng)
        with tempfile.TemporaryDirectory(prefix="ec2rl-layouts-") as folder:
            lay(Path(folder), files)
            for reader in Reader:
                ours = {k: v.rstrip() for k, v in computed(Path(folder), reader).items()}
                theirs = {k: v.rstrip() for k, v in run(Path(folder), reader, True).items()}
                if ours != theirs:
                    differ += 1
                    wrong = {k: (ours[k], v) for k, v in theirs.items() if ours.get(k) != v}
                    print(f"layout {number}, {reader.value}: ours, theirs: {wrong}\n  {files}")
    print(f"{count} layouts by {len(Reader)} readers, {differ} differ")
    return differ


def of_any_keys(count: int, seed: int) -> int:
    from support.next_boots import differences, random_layout

    rng = random.Random(seed)
    differ = 0
    for number in range(count):
        files = random_layout(rng)
        with tempfile.TemporaryDirectory(prefix="ec2rl-layouts-") as folder:
            told = differences(Path(folder), files)
            if told:
                differ += 1
                print(f"layout {number}: {told}\n  {files}")
    print(f"{count} layouts of any keys by {len(Reader)} readers, {differ} differ")
    return differ


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--real", type=int, default=0)
    arguments.add_argument("--any", type=int, default=0)
    chosen = arguments.parse_args()
    bad = parsers(chosen.count, chosen.seed) if chosen.count else 0
    bad += real(chosen.real, chosen.seed) if chosen.real else 0
    bad += of_any_keys(chosen.any, chosen.seed) if chosen.any else 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
