"""The manual commands that `explain` computes for the machine that was seen."""

from __future__ import annotations

import pytest

from ec2rl.conntrack import advice
from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.observe import read
from ec2rl.conntrack.remedy import propose
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.recording import RecordedHost
from ec2rl.model import FixRequest
from ec2rl.module import Options
from ec2rl.modules.conntrackfull import MODULE
from ec2rl.remedies import WriteFile
from ec2rl.report.wording import lines

COLUMNS = (
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop "
    "early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
)
OURS = {"/proc/sys/net/nf_conntrack_max": "1"}
FULL = {
    **OURS,
    "/dev/kmsg": "6,0,0,-;Linux version 6.18.44\n"
    "4,1,9000000,-;nf_conntrack: nf_conntrack: table full, dropping packet",
}


def by_hand(seen: Observations) -> tuple[str, ...]:
    return tuple(lines(advice.by_hand(seen)))


def seen(
    maximum: str,
    buckets: str,
    gibibytes: float,
    more: dict[str, str],
    options: Options = Options(),  # noqa: B008
) -> Observations:
    host = machine(maximum, buckets, gibibytes, more)
    return read(host, read_kernel_log(host, MODULE.phrases), options)


def machine(maximum: str, buckets: str, gibibytes: float, more: dict[str, str]) -> RecordedHost:
    return RecordedHost(
        {
            "/proc/meminfo": f"MemTotal: {int(gibibytes * (1 << 20))} kB",
            "/proc/sys/kernel/osrelease": "6.18.44",
            "link /proc/self/ns/pid": "pid:[4026531836]",
            "link /proc/self/ns/net": "net:[4026531840]",
            "link /proc/1/ns/net": "net:[4026531840]",
            "/proc/1/net/stat/nf_conntrack": COLUMNS + "0000000c" + " 00000000" * 16,
            "/proc/sys/net/netfilter/nf_conntrack_max": maximum,
            "/proc/sys/net/netfilter/nf_conntrack_buckets": buckets,
            "/dev/kmsg": "6,0,0,-;Linux version 6.18.44",
            **more,
        }
    )


def test_a_large_host_of_today() -> None:
    assert by_hand(seen("262144", "262144", 23, FULL)) == (
        "Today:      nf_conntrack_max 262,144, nf_conntrack_buckets 262,144",
        "Larger:     nf_conntrack_max 524,288, nf_conntrack_buckets 524,288",
        "Because:    twice today's limit, because packets were lost, and no counter tells how many "
        "entries they would have needed",
        "Need:       12 entries, which this host (initial network namespace) has by the kernel's "
        "count (they could not be read)",
        "Costs:      at most 228 MiB of kernel memory when every entry is used, 1% of this "
        "machine's memory",
        "            320 + 128 bytes an entry (assumed: /proc/slabinfo: not collected), 8 a bucket",
        "",
        "See:        sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count",
        "            dmesg | grep -E 'table full( in netns [0-9]+)?, dropping packet'",
        "Set now:    sudo sysctl -w net.netfilter.nf_conntrack_buckets=524288",
        "Set now:    sudo sysctl -w net.netfilter.nf_conntrack_max=524288",
        "            (sysctl can exit 0 on a refused write: read both back)",
        "Next boot:  printf '%s\\n' net.netfilter.nf_conntrack_max=524288 "
        "net.netfilter.nf_conntrack_buckets=524288 |",
        "                sudo tee /etc/sysctl.d/99-zz-ec2rl-conntrack.conf",
        "            (where nf_conntrack is a module that nothing loads before the settings are "
        "read,",
        "            which sudo ./ec2rl conntrack boot tells, they do nothing without this:",
        "            echo nf_conntrack | sudo tee /etc/modules-load.d/ec2rl-conntrack.conf)",
        "",
        "The page's fixed numbers (131,072 and 32,768) would SHRINK this host's table: "
        "nf_conntrack_max from 262,144 to 131,072, nf_conntrack_buckets from 262,144 to 32,768. "
        "Do not use them here.",
    )


SLABS = {
    "/proc/slabinfo": "# name <active_objs> <num_objs> <objsize>\nnf_conntrack 12 12 256",
    "ls /usr/lib/systemd": "systemd-sysctl",
    "ls /proc/sys/net": "core netfilter",
}
BUILT_IN = {"ls /sys/module/nf_conntrack": "parameters", "/proc/modules": ""}
MODULE_LATE = {
    "ls /sys/module/nf_conntrack": "parameters refcnt initstate",
    "/proc/modules": "nf_conntrack 200704 1 - Live 0x0",
}


@pytest.mark.parametrize(("how", "loads"), [(BUILT_IN, False), (MODULE_LATE, True)])
def test_the_plan_and_the_commands_by_hand_are_one_reckoning(
    how: dict[str, str], loads: bool
) -> None:
    more = {**FULL, **SLABS, **how}
    said = by_hand(seen("262144", "262144", 23, more, Options(by_hand=True)))
    assert [line for line in said if "MiB" in line or "bytes" in line] == [
        "Costs:      196 MiB of kernel memory when every entry is used, 1% of this "
        "machine's memory",
        "            256 + 128 bytes an entry (/proc/slabinfo), 8 a bucket",
    ]
    host = machine("262144", "262144", 23, more)
    plan = propose(host, seen("262144", "262144", 23, more), FixRequest())
    [memory] = [note for note in plan.notes if note.startswith("Memory")]
    assert memory == (
        "Memory: a full table takes 196 MiB, 0.8% of all (without this 98 MiB); 256 + 128 bytes an "
        "entry (/proc/slabinfo), 8 a bucket"
    )
    written = [c.path for c in plan.chosen[0].changes if isinstance(c, WriteFile)]
    file = "/etc/modules-load.d/ec2rl-conntrack.conf"
    assert (file in written, any(file in line for line in said)) == (loads, loads)


@pytest.mark.parametrize(
    ("maximum", "buckets", "larger", "shrunk"),
    [
        ("65536", "16384", (131072, 131072), ""),
        ("65536", "65536", (131072, 131072), "nf_conntrack_buckets from 65,536 to 32,768"),
        ("262144", "32768", (524288, 524288), "nf_conntrack_max from 262,144 to 131,072"),
        ("131072", "32768", (262144, 262144), ""),
        ("1000", "1048576", (65536, 1048576), "nf_conntrack_buckets from 1,048,576 to 32,768"),
    ],
)
def test_what_the_fixed_numbers_would_shrink(
    maximum: str, buckets: str, larger: tuple[int, int], shrunk: str
) -> None:
    """The larger of twice today's and of the kernel's own default; never less of anything."""
    said = by_hand(seen(maximum, buckets, 3.8, FULL))
    most, slots = larger
    assert said[1] == f"Larger:     nf_conntrack_max {most:,}, nf_conntrack_buckets {slots:,}"
    told = [line.partition("table: ")[2] for line in said if "SHRINK" in line]
    assert told == ([f"{shrunk}. Do not use them here."] if shrunk else [])


def test_a_table_that_is_too_much_for_the_machine() -> None:
    more = {**FULL, "/proc/meminfo": "MemTotal: 1048576 kB\nMemAvailable: 524288 kB"}
    costs = by_hand(seen("262144", "262144", 1, more))[4]
    assert costs.endswith(
        ", 22% of this machine's memory, and 45% of what is available: too much; find out first "
        "what fills the table"
    )


def test_where_nothing_says_that_the_table_is_too_small_no_other_numbers_are_given() -> None:
    assert by_hand(seen("262144", "262144", 23, OURS)) == (
        "Today:      nf_conntrack_max 262,144, nf_conntrack_buckets 262,144",
        "Enough:     nothing that was seen says that the table is too small",
        "",
        "See:        sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count",
        "            dmesg | grep -E 'table full( in netns [0-9]+)?, dropping packet'",
        "",
        "The page's fixed numbers (131,072 and 32,768) would SHRINK this host's table: "
        "nf_conntrack_max from 262,144 to 131,072, nf_conntrack_buckets from 262,144 to 32,768. "
        "Do not use them here.",
    )


def test_from_a_container_the_keys_cannot_be_set() -> None:
    more = {"link /proc/self/ns/pid": "pid:[4026532222]"}
    said = by_hand(seen("262144", "262144", 23, more))
    assert said[-1] == (
        "This is not the host's own namespace: these keys can be set on the host only."
    )


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        (
            {
                "/proc/sys/net/netfilter/nf_conntrack_max": "!absent",
                "/proc/sys/net/netfilter/nf_conntrack_buckets": "!absent",
                "ls /proc/sys/net": "core",
                "ls /sys/module": "kernel",
            },
            "Conntrack is not loaded here: the table cannot be full, there is nothing to do.",
        ),
        (
            {"/proc/sys/net/netfilter/nf_conntrack_max": "!denied"},
            "The limits of this host could not be read here: run it as root, on the host itself.",
        ),
        (
            {"/proc/sys/net/netfilter/nf_conntrack_max": "0"},
            "nf_conntrack_max is 0: no limit at all, the table cannot be full.",
        ),
    ],
)
def test_where_there_is_nothing_to_compute(looks: dict[str, str], expected: str) -> None:
    assert by_hand(seen("262144", "262144", 23, looks)) == (expected,)
