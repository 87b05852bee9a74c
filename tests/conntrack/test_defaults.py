"""The kernel's own sizes: rows read in its source, 4.4 to 7.2."""

from __future__ import annotations

import pytest

from ec2rl.conntrack.defaults import (
    GIB,
    Rule,
    Sizes,
    default_sizes,
    default_value,
    hashsize_sizes,
    page_size,
    round_buckets,
    rule,
)
from ec2rl.facts.proc import version

N = "net.netfilter.nf_conntrack_"
MIB = 1 << 20


@pytest.mark.parametrize(
    ("memory", "old", "new"),
    [
        (16 * MIB, Sizes(512, 2048), Sizes(1024, 1024)),
        (GIB, Sizes(8192, 32768), Sizes(8192, 8192)),
        (967 * MIB, Sizes(8192, 32768), Sizes(8192, 8192)),
        (GIB + 4096, Sizes(16384, 65536), Sizes(65536, 65536)),
        (4 * GIB, Sizes(16384, 65536), Sizes(65536, 65536)),
        (4 * GIB + 4096, Sizes(65536, 262144), Sizes(262144, 262144)),
        (1024 * GIB, Sizes(65536, 262144), Sizes(262144, 262144)),
    ],
)
def test_sizes_come_from_memory(memory: int, old: Sizes, new: Sizes) -> None:
    assert (default_sizes(memory, Rule.X4), default_sizes(memory, Rule.X1)) == (old, new)


def test_buckets_fill_whole_pages() -> None:
    assert [round_buckets(n) for n in (1, 512, 513, 300000)] == [512, 512, 1024, 300032]
    assert round_buckets(300000, page=65536) == 303104


def test_hashsize_gives_eight_entries_a_bucket() -> None:
    assert hashsize_sizes(32768) == Sizes(32768, 262144)
    assert hashsize_sizes(1000) == Sizes(1024, 8192)


@pytest.mark.parametrize(
    ("release", "columns", "expected"),
    [
        ("6.1.0-18-amd64", None, Rule.X1),
        ("5.15.0", None, Rule.X1),
        ("5.14.0-427.el9.x86_64", None, Rule.X4),
        ("5.14.0-427.el9.x86_64", "entries chainlength insert", Rule.X1),
        ("5.10.223-211.872.amzn2.x86_64", "entries delete_list insert", Rule.X4),
        ("3.10.0-1160.el7.x86_64", None, None),
        ("7", None, None),
        (None, None, None),
        (None, "entries chainlength", Rule.X1),
    ],
)
def test_the_rule_is_what_the_kernel_shows(
    release: str | None, columns: str | None, expected: Rule | None
) -> None:
    assert rule(release, columns) is expected


def test_releases() -> None:
    words = ("6.18.44-fc", "4.14.355-275.603.amzn2", "6.1-rc3", "6", "x.y", "6.²", "")
    assert [version(word) for word in words] == [(6, 18), (4, 14), (6, 1), None, None, None, None]


def test_the_page_size_shows_in_the_huge_page() -> None:
    sizes = [page_size(f"Hugepagesize: {n:>8} kB\n") for n in (2048, 32768, 524288, 1048576)]
    assert [*sizes, page_size("MemTotal: 1 kB\n")] == [4096, 16384, 65536, None, None]


def test_default_timeouts() -> None:
    assert default_value(f"{N}tcp_timeout_established", None) == 432000
    releases = ("4.14.355", "4.18.0-553.el8", "5.4.0", "6.1.0", None)
    streams = [default_value(f"{N}udp_timeout_stream", release) for release in releases]
    assert streams == [180, None, 120, 120, None]
    assert default_value(f"{N}events", "6.1") is None


@pytest.mark.kernel
def test_this_kernel_has_our_defaults() -> None:
    """A new network namespace has the default timeouts; the sizes are only read."""
    import os
    import subprocess

    from ec2rl.conntrack.defaults import SWITCHES, TIMEOUTS

    if os.geteuid() != 0 or not os.path.exists("/proc/sys/net/netfilter/nf_conntrack_max"):
        pytest.skip("needs root and nf_conntrack in the kernel")
    keys = [*TIMEOUTS, *SWITCHES, f"{N}udp_timeout_stream"]
    paths = [key.replace(".", "/") for key in keys]
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", 'cd /proc/sys; cat "$@"', "sh", *paths],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    release = os.uname().release
    assert dict(zip(keys, map(int, done.stdout.split()))) == {
        key: default_value(key, release) for key in keys
    }
