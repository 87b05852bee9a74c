"""The census of a full table against a C drain of the same dump, and against `conntrack -L`.

`python bench/table.py [ENTRIES ...]` (root, cc, ip, conntrack); the default is 100000 262144
1000000.  It fills a network namespace of its own, raising nf_conntrack_max while it fills.  All
commands run in turn, round by round; a ratio is the median of the rounds' own ratios.  A round in
which other processes took more than 5 % of a processor is run again, as often as there are rounds.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import fill  # noqa: E402

ROUNDS = 7
DRAIN = r"""
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <unistd.h>

int main(void)
{
    static char buffer[1 << 16];
    struct { struct nlmsghdr header; unsigned char nfgen[4]; } request = {
        { sizeof request, 0x101, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 }, { 0 } };
    int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    long entries = 0;
    if (netlink < 0 || send(netlink, &request, sizeof request, 0) < 0)
        return 1;
    for (;;) {
        ssize_t left = recv(netlink, buffer, sizeof buffer, 0);
        struct nlmsghdr *header = (struct nlmsghdr *)buffer;
        if (left <= 0)
            return 1;
        for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE) {
                printf("%ld\n", entries);
                return 0;
            }
            entries++;
        }
    }
}
"""
CENSUS = """
import sys
sys.path.insert(0, sys.argv[1])
from ec2rl.conntrack.table.look import take_census
census = take_census(first=int(sys.argv[2]) if len(sys.argv) > 2 else None)
print(census.total, *census.gaps, flush=True)
import os
os._exit(0)  # as ec2rl itself ends
"""


def run(command: list[str]) -> tuple[float, int, str]:
    """Seconds, peak resident KiB, and what was printed."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    printed = child.stdout.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, (command, status)
    return time.perf_counter() - begin, usage.ru_maxrss, printed.strip()


def own_time() -> float:
    """Seconds of processor time that this process and its children took."""
    return sum(os.times()[:4])


def processor_time() -> float:
    """Seconds that all processors were busy: all but idle, iowait and steal of /proc/stat."""
    with open("/proc/stat") as file:
        words = file.readline().split()
    return sum(map(int, words[1:4] + words[6:8])) / os.sysconf("SC_CLK_TCK")


def measure(entries: int, folder: str) -> None:
    """Fill a namespace, and print one line of figures for each command."""
    drain = f"{folder}/drain"
    python = [sys.executable, "-IS", "-c", CENSUS, str(ROOT / "src")]
    commands = {
        "C drain": [drain],
        "census": python,
        "conntrack -L | wc -l": ["sh", "-c", "conntrack -L 2>&- | wc -l"],
        "sample of 20,000": [*python, "20000"],
        "ec2rl conntrack top": [str(ROOT / "ec2rl"), "conntrack", "top", "--json"],
        "python -c pass": [sys.executable, "-IS", "-c", "pass"],
    }
    name = f"ec2rl-bench-{os.getpid()}"
    with fill.namespace(name):
        with fill.room_for(entries + 1000):
            fill.fill(name, fill.mixture(entries, lasting=86400))
        with fill.inside(name):
            rounds: list[dict[str, tuple[float, int, str]]] = []
            disturbed = 0
            while len(rounds) < ROUNDS:
                ours, all_of_it, begin = own_time(), processor_time(), time.perf_counter()
                found = {what: run(command) for what, command in commands.items()}
                others = processor_time() - all_of_it - (own_time() - ours)
                quiet = others <= 0.05 * (time.perf_counter() - begin)
                disturbed += not quiet
                if quiet or disturbed > ROUNDS:
                    rounds.append(found)
    for what in commands:
        seconds = [each[what][0] for each in rounds]
        to_drain = median(each[what][0] / each["C drain"][0] for each in rounds)
        to_list = median(each["conntrack -L | wc -l"][0] / each[what][0] for each in rounds)
        told = rounds[0][what][2]
        told = "" if "\n" in told else told  # a number of entries, not a document
        peak = max(each[what][1] for each in rounds) / 1024
        print(
            f"{entries:>9,} {what:<22} {median(seconds):7.3f} s  {to_drain:6.2f} x C drain"
            f"  {to_list:6.2f} x as fast as conntrack -L  {peak:5.1f} MiB  {told}",
            flush=True,
        )
    if disturbed:
        kept = max(0, disturbed - ROUNDS)
        print(f"{disturbed} rounds were disturbed by other processes; {kept} of them are counted")


def main() -> None:
    """Compile the rival, and measure each size."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "drain.c")
        source.write_text(DRAIN)
        subprocess.run(["cc", "-O2", "-o", f"{folder}/drain", str(source)], check=True)
        for entries in [int(word) for word in sys.argv[1:]] or [100_000, 262_144, 1_000_000]:
            measure(entries, folder)
    print(f"own peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
