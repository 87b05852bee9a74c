"""Layouts of files that the real systemd-sysctl and the real `sysctl --system` also read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ec2rl.facts.sysctl_conf import Reader, kernel_int
from ec2rl.next_boot.lines import read_lines
from ec2rl.next_boot.rules import Rules
from support.layouts import ALIAS, NAMES, NETFILTER, RootedHost, lay, need_tools, run

N = "net.netfilter.nf_conntrack_"

LAYOUTS: dict[str, dict[str, str]] = {
    "nothing": {},
    "one file": {"/etc/sysctl.d/a.conf": f"{N}max=5\n"},
    "no newline at the end": {"/etc/sysctl.d/a.conf": f"{N}max=5\n{N}buckets = 7"},
    "the last line wins": {"/etc/sysctl.d/a.conf": f"{N}max=5\n{N}max=6\n{N}max=4\n"},
    "the last file wins": {
        "/etc/sysctl.d/10-a.conf": f"{N}max=5\n",
        "/etc/sysctl.d/20-b.conf": f"{N}max=6\n",
    },
    "the name decides, not the folder": {
        "/etc/sysctl.d/b.conf": f"{N}max=5\n",
        "/run/sysctl.d/a.conf": f"{N}max=6\n",
        "/usr/lib/sysctl.d/c.conf": f"{N}max=7\n",
        "/usr/local/lib/sysctl.d/B.conf": f"{N}max=8\n",
    },
    "digits before capitals before small letters": {
        "/etc/sysctl.d/99-z.conf": f"{N}max=5\n{N}buckets=5\n",
        "/etc/sysctl.d/9-z.conf": f"{N}max=6\n{N}buckets=6\n{N}udp_timeout=6\n",
        "/etc/sysctl.d/Z.conf": f"{N}max=7\n",
        "/etc/sysctl.d/_.conf": f"{N}udp_timeout=8\n",
    },
    "etc replaces run": {
        "/etc/sysctl.d/a.conf": f"{N}max=5\n",
        "/run/sysctl.d/a.conf": f"{N}max=6\n{N}buckets=6\n",
    },
    "run replaces usr/local": {
        "/run/sysctl.d/a.conf": f"{N}max=6\n",
        "/usr/local/lib/sysctl.d/a.conf": f"{N}max=7\n{N}buckets=7\n",
    },
    "usr/local replaces usr": {
        "/usr/local/lib/sysctl.d/a.conf": f"{N}max=7\n",
        "/usr/lib/sysctl.d/a.conf": f"{N}max=8\n{N}buckets=8\n",
    },
    "an empty file replaces": {
        "/etc/sysctl.d/a.conf": "",
        "/usr/lib/sysctl.d/a.conf": f"{N}max=8\n",
    },
    "a link to /dev/null masks": {
        "/etc/sysctl.d/a.conf": "-> /dev/null",
        "/usr/lib/sysctl.d/a.conf": f"{N}max=8\n",
    },
    "a link to a link to /dev/null masks": {
        "/etc/sysctl.d/a.conf": "-> ../nothing",
        "/etc/nothing": "-> /dev/null",
        "/usr/lib/sysctl.d/a.conf": f"{N}max=8\n",
    },
    "a dangling link hides its name": {
        "/etc/sysctl.d/a.conf": "-> /nowhere",
        "/usr/lib/sysctl.d/a.conf": f"{N}max=8\n",
        "/usr/lib/sysctl.d/b.conf": f"{N}buckets=8\n",
    },
    "a link is followed": {
        "/etc/sysctl.d/a.conf": "-> ../tuning",
        "/etc/tuning": f"{N}max=8\n",
    },
    "sysctl.conf alone: procps only": {"/etc/sysctl.conf": f"{N}max=5\n"},
    "sysctl.conf by its link": {
        "/etc/sysctl.conf": f"{N}max=5\n",
        "/etc/sysctl.d/99-sysctl.conf": "-> ../sysctl.conf",
        "/etc/sysctl.d/99-netfilter.conf": f"{N}max=6\n",
    },
    "a file after the link": {
        "/etc/sysctl.conf": f"{N}max=5\n",
        "/etc/sysctl.d/99-sysctl.conf": "-> ../sysctl.conf",
        "/etc/sysctl.d/99-z.conf": f"{N}max=6\n",
    },
    "sysctl.conf by an absolute link": {
        "/etc/sysctl.conf": f"{N}max=5\n",
        "/etc/sysctl.d/50-old.conf": "-> /etc/sysctl.conf",
        "/etc/sysctl.d/60.conf": f"{N}buckets=6\n",
    },
    "only .conf counts": {
        "/etc/sysctl.d/a.conf.bak": f"{N}max=5\n",
        "/etc/sysctl.d/README": f"{N}max=5\n",
        "/etc/sysctl.d/b.conf~": f"{N}max=5\n",
        "/etc/sysctl.d/c.CONF": f"{N}max=5\n",
    },
    "a name with a dot in front: procps only": {
        "/etc/sysctl.d/.a.conf": f"{N}max=5\n",
        "/etc/sysctl.d/.conf": f"{N}udp_timeout=5\n",
    },
    "a folder of that name": {
        "/etc/sysctl.d/a.conf": "/",
        "/usr/lib/sysctl.d/a.conf": f"{N}max=5\n",
        "/usr/lib/sysctl.d/b.conf": f"{N}buckets=5\n",
    },
    "the alias later": {
        "/etc/sysctl.d/a.conf": f"{N}max=5\n",
        "/etc/sysctl.d/b.conf": "net.nf_conntrack_max=6\n",
    },
    "the alias earlier": {
        "/etc/sysctl.d/a.conf": "net.nf_conntrack_max=6\n",
        "/etc/sysctl.d/b.conf": f"{N}max=5\n",
    },
    "the same again does not move a key: the alias between wins in systemd": {
        "/etc/sysctl.d/a.conf": f"{N}max=5\n",
        "/etc/sysctl.d/b.conf": "net.nf_conntrack_max=6\n",
        "/etc/sysctl.d/c.conf": f"{N}max=5\n",
    },
    "another value moves it": {
        "/etc/sysctl.d/a.conf": f"{N}max=5\nnet.nf_conntrack_max=6\n{N}max=7\n",
    },
    "a slash separates": {
        "/etc/sysctl.d/a.conf": "net/netfilter/nf_conntrack_max=5\nnet/nf_conntrack_max = 6\n"
    },
    "the first separator decides": {
        "/etc/sysctl.d/a.conf": f"{N}max=1\nnet.netfilter/nf_conntrack_max=5\n"
        "net/netfilter.nf_conntrack_buckets=6\n"
    },
    "separators in front and twice": {
        "/etc/sysctl.d/a.conf": "/net/netfilter/nf_conntrack_max=5\n"
        ".net.netfilter.nf_conntrack_buckets=6\nnet//netfilter//nf_conntrack_udp_timeout=7\n"
        "net..netfilter.nf_conntrack_tcp_timeout_close=8\n"
    },
    "one key in four spellings": {
        "/etc/sysctl.d/a.conf": f"{N}max=5\nnet/netfilter/nf_conntrack_max=6\n"
        "/net/netfilter/nf_conntrack_max=7\nnet.nf_conntrack_max=8\nnet//netfilter/nf_conntrack_max=7\n"
    },
    "blanks": {
        "/etc/sysctl.d/a.conf": f"\t {N}max \t=\t 5  \n   {N}buckets=\t6\t\n\n"
        f" \t \n{N}udp_timeout =7\n"
    },
    "comments": {
        "/etc/sysctl.d/a.conf": f"# {N}max=1\n  ; {N}max=2\n#{N}max=3\n{N}buckets=4 # four\n"
        f"{N}udp_timeout=5#five\n{N}max=6;\n"
    },
    "values that are more than a number": {
        "/etc/sysctl.d/a.conf": f'{N}max=5 6\n{N}buckets = 5 = 6\n{N}udp_timeout="5"\n'
    },
    "a value that is empty": {"/etc/sysctl.d/a.conf": f"{N}max=5\n{N}max=\n{N}buckets =\n"},
    "no equals sign": {
        "/etc/sysctl.d/a.conf": f"{N}max 5\n{N}buckets\n{N}udp_timeout: 6\n{N}udp_timeout=7\n"
    },
    "a minus in front": {
        "/etc/sysctl.d/a.conf": f"-{N}max=5\n  -  {N}buckets = 6\n-net.nowhere=1\n"
        f"{N}udp_timeout=7\n"
    },
    "a minus alone takes it back in systemd": {
        "/etc/sysctl.d/a.conf": f"{N}max=5\n-{N}max\n-{N}buckets\n{N}buckets=6\n"
    },
    "keys that are not there": {
        "/etc/sysctl.d/a.conf": f"{N}maximum=5\nnet.netfilter=3\n{N}max=6\n"
        "net.ipv4.ip_conntrack_max=9\n"
    },
    "a pattern": {"/etc/sysctl.d/a.conf": f"{N}tcp_timeout_*=7\n"},
    "a pattern leaves named keys alone, before": {
        "/etc/sysctl.d/a.conf": f"{N}tcp_timeout_close=8\n",
        "/etc/sysctl.d/b.conf": f"{N}tcp_timeout_*=7\n",
    },
    "a pattern leaves named keys alone, after": {
        "/etc/sysctl.d/a.conf": f"{N}tcp_timeout_*=7\n",
        "/etc/sysctl.d/b.conf": f"{N}tcp_timeout_close=8\n-{N}tcp_timeout_last_ack\n",
    },
    "a pattern does not know the alias": {
        "/etc/sysctl.d/a.conf": f"{N}max=8\n",
        "/etc/sysctl.d/b.conf": "net.nf_conntrack_m*=7\n",
    },
    "two patterns": {"/etc/sysctl.d/a.conf": f"{N}*_close=8\n{N}tcp*=7\n"},
    "two patterns, one repeated": {"/etc/sysctl.d/a.conf": f"{N}tcp*=7\n{N}*_close=8\n{N}tcp*=7\n"},
    "question marks and brackets": {
        "/etc/sysctl.d/a.conf": f"{N}ma?=5\n{N}[bt]uckets=6\n{N}udp_timeou[^x]=7\n"
        f"{N}udp_timeout_strea[!x]=8\n"
    },
    "a star stops at a slash": {
        "/etc/sysctl.d/a.conf": "net.*=1\nnet.*.nf_conntrack_max=5\n*.*.nf_conntrack_buckets=6\n"
    },
    "braces beside a star: systemd only": {
        "/etc/sysctl.d/a.conf": f"{N}tcp_timeout_{{close,last_ack}}*=7\n{N}{{max,buckets}}=9\n"
        f"{N}{{udp_{{timeout,x}},z}}*=4\n"
    },
    "lines of Windows": {"/etc/sysctl.d/a.conf": f"{N}max=5\r\n# c\r\n{N}buckets = 6 \r\n"},
    "a carriage return between": {"/etc/sysctl.d/a.conf": f"{N}max=5\r{N}buckets=6\n"},
    "a NUL between": {"/etc/sysctl.d/a.conf": f"{N}max=5\0{N}buckets=6\n{N}udp_timeout=7\n"},
    "other blanks": {"/etc/sysctl.d/a.conf": f"\v{N}max=5\n\f{N}buckets=6\n{N}udp_timeout=7\f\n"},
    "a byte order mark": {"/etc/sysctl.d/a.conf": f"\ufeff{N}max=5\n{N}buckets=6\n"},
    "bytes that are no text": {
        "/etc/sysctl.d/a.conf": f"# \udcff\udcfe\n{N}max=5\n{N}buckets=\udcff6\n"
    },
    "a long line": {
        "/etc/sysctl.d/a.conf": f"#{'x' * 70_000}\n{N}max={'0' * 5_000}7\n{N}buckets=8\n"
    },
    "the page's lines, appended twice": {
        "/etc/sysctl.d/99-netfilter.conf": f"{N}max=131072\n{N}buckets=32768\n" * 2
    },
}


def computed(folder: Path, reader: Reader) -> dict[str, str]:
    """Our own answer in the words of the plain files; every key was 0."""
    existing = [NETFILTER + name for name in NAMES] + [ALIAS]
    host = RootedHost(folder)
    lines = read_lines(host, reader, Rules(host, existing))
    found = dict.fromkeys(existing, "0")
    both = (ALIAS, NETFILTER + "max")
    for path in existing:
        for line in lines.written(both if path in both else (path,)):
            # The host shows bytes that are no text as \xNN.
            found[path] = line.item.value or ""
    del found[ALIAS]
    return found


@pytest.mark.root
@pytest.mark.parametrize("reader", Reader)
@pytest.mark.parametrize("title", LAYOUTS)
@pytest.mark.sampled(17)
def test_the_real_reader_leaves_what_we_compute(title: str, reader: Reader, tmp_path: Path) -> None:
    need_tools()
    lay(tmp_path, LAYOUTS[title])
    expected = {key: text.rstrip() for key, text in run(tmp_path, reader, plain=True).items()}
    got = {
        key: text.replace("\\xff", "\udcff").rstrip()
        for key, text in computed(tmp_path, reader).items()
    }
    assert got == expected


WORDS = (
    "5", " 5", "5 6", "5\t6", "0x10", "0X1f", "0x", "0xg", "010", "08", "0b1", "+5", "-5", "- 5",
    "--5", "5abc", "5#", "5 # five", "", " ", "99999999999999999999", "18446744073709551621",
    "5\v", "\v5", "5\r", "5,6", "1e3", "1_0", "٣", "-0x10", "-010", "-0", "0", "00",
    "0" * 19 + "5", "0" * 20 + "5", "0" * 22 + "5", "5" + " " * 30 + "x", " " * 30 + "5",
)  # fmt: skip


@pytest.mark.kernel
def test_the_kernel_takes_the_numbers_that_we_take(tmp_path: Path) -> None:
    need_tools()
    program = (
        "import os, sys\n"
        f"path = '/proc/sys/{NETFILTER}udp_timeout'\n"
        "for word in sys.argv[1:]:\n"
        "    for text in ('77', word):\n"
        "        fd = os.open(path, os.O_WRONLY)\n"
        "        try: os.write(fd, text.encode() + b'\\n')\n"
        "        except OSError: pass\n"
        "        os.close(fd)\n"
        "    print(open(path).read().strip())\n"
    )
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", program, *WORDS],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONUTF8": "1"},
    )
    got = {word: kernel_int(word) for word in WORDS}
    taken = dict(zip(WORDS, map(int, done.stdout.split())))
    assert {word: 77 if value is None else value for word, value in got.items()} == taken
