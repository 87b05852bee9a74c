"""Layouts of sysctl files about any keys, which the real readers read as well."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support.layouts import need_tools
from support.next_boots import differences, random_layout

A = "/etc/sysctl.d/a.conf"
B = "/etc/sysctl.d/b.conf"
C = "/etc/sysctl.d/c.conf"
V = "net.ipv4.conf"

LAYOUTS: dict[str, dict[str, str]] = {
    "nothing": {},
    "one key": {A: "vm.swappiness=10\n"},
    "the last file wins": {A: "vm.swappiness=10\n", B: "vm/swappiness = 20\n"},
    "etc replaces usr": {A: "vm.swappiness=10\n", "/usr/lib/sysctl.d/a.conf": "fs.file-max=5\n"},
    "run replaces usr": {"/run/sysctl.d/a.conf": "", "/usr/lib/sysctl.d/a.conf": "fs.file-max=5\n"},
    "usr/local replaces usr": {
        "/usr/local/lib/sysctl.d/a.conf": "vm.swappiness=1\n",
        "/usr/lib/sysctl.d/a.conf": "fs.file-max=5\n",
    },
    "a vendor's file that comes later by its name wins": {
        A: "vm.swappiness=10\n",
        "/usr/lib/sysctl.d/z.conf": "vm.swappiness=5\n",
    },
    "a masked file": {A: "-> /dev/null", "/usr/lib/sysctl.d/a.conf": "kernel.pid_max=9\n"},
    "a dangling link": {A: "-> /nowhere", "/usr/lib/sysctl.d/a.conf": "kernel.pid_max=9\n"},
    "sysctl.conf alone": {"/etc/sysctl.conf": "vm.swappiness=10\n"},
    "sysctl.conf by its link": {
        "/etc/sysctl.conf": "vm.swappiness=10\n",
        "/etc/sysctl.d/99-sysctl.conf": "-> ../sysctl.conf",
        A: "vm.swappiness=5\n",
    },
    "sysctl.conf by its link, and a file after it": {
        "/etc/sysctl.conf": "vm.swappiness=10\n",
        "/etc/sysctl.d/99-sysctl.conf": "-> ../sysctl.conf",
        "/etc/sysctl.d/99-z.conf": "vm.swappiness=5\n",
    },
    "a hidden file": {"/etc/sysctl.d/.a.conf": "vm.swappiness=5\n"},
    "names that do not count": {"/etc/sysctl.d/a.conf.rpmsave": "vm.swappiness=5\n"},
    "a list of numbers": {A: "net.ipv4.tcp_rmem=4096 131072 6291456\n"},
    "a list with tabs": {A: "net.ipv4.tcp_rmem\t=  4096\t131072   6291456  \n"},
    "a list, later a shorter one": {A: "net.ipv4.tcp_rmem=1 2 3\n", B: "net.ipv4.tcp_rmem=4\n"},
    "a text with equals signs": {A: "kernel.core_pattern=|/usr/bin/c %p=%u \n"},
    "a text in quotes": {A: 'kernel.core_pattern="core"\n'},
    "a text that begins with a slash": {A: "kernel.core_pattern = /var/crash/core.%e\n"},
    "a remark behind a number": {A: "vm.swappiness=10 # less\n"},
    "nothing behind the equals sign": {A: "vm.swappiness=10\nvm.swappiness=\n"},
    "one variable by two keys": {A: "net.ipv4.ip_forward=1\n", B: f"{V}.all.forwarding=0\n"},
    "the other order": {A: f"{V}.all.forwarding=0\n", B: "net.ipv4.ip_forward=1\n"},
    "the same again does not move a key": {
        A: "net.ipv4.ip_forward=1\n",
        B: f"{V}.all.forwarding=0\n",
        C: "net.ipv4.ip_forward=1\n",
    },
    "a dot in the name of an interface": {A: f"{V}.eth0/100.rp_filter=1\n"},
    "the same with slashes": {A: "net/ipv4/conf/eth0.100/rp_filter=1\n"},
    "a dot that was taken for a separator": {A: f"{V}.eth0.100.rp_filter=1\n"},
    "both spellings of one key": {
        A: f"{V}.eth0/100.rp_filter=1\n",
        B: "net/ipv4/conf/eth0.100/rp_filter=2\n",
    },
    "every interface": {A: f"{V}.*.rp_filter=2\n"},
    "every interface but all": {A: f"{V}.*.rp_filter=2\n-{V}.all.rp_filter\n"},
    "as systemd ships it": {
        "/usr/lib/sysctl.d/50-default.conf": f"{V}.default.rp_filter = 2\n{V}.*.rp_filter = 2\n"
        f"-{V}.all.rp_filter\n"
    },
    "systemd's, and our own for one": {
        "/usr/lib/sysctl.d/50-default.conf": f"{V}.*.rp_filter = 2\n-{V}.all.rp_filter\n",
        "/etc/sysctl.d/40.conf": f"{V}.eth0.rp_filter=0\n",
    },
    "a pattern for some": {A: f"{V}.eth*.rp_filter=2\n"},
    "a pattern with a question mark": {A: f"{V}.eth?.rp_filter=2\n"},
    "a pattern for one": {A: "vm.swapp*=3\n"},
    "a pattern in the first part": {A: "*.swappiness=3\n"},
    "a pattern of folders": {A: "net.*=3\nnet.ipv4.conf.*=4\n"},
    "braces": {A: f"{V}.{{all,lo}}.rp_filter=3\n{V}.{{all,eth}}*.rp_filter=4\n"},
    "two patterns": {A: f"{V}.*.rp_filter=2\n", B: f"{V}.eth*.rp_filter=1\n"},
    "a pattern with slashes": {A: "net/ipv4/conf/*/rp_filter=1\n"},
    "a dash in a key": {A: "net.bridge.bridge-nf-call-iptables=1\n"},
    "a dash in a pattern": {A: "net.bridge.bridge-nf-call-*=1\n"},
    "a minus in front": {A: "-vm.swappiness=7\n-net.nowhere.at_all=1\n"},
    "a minus alone": {A: "vm.swappiness=7\n-vm.swappiness\n"},
    "no equals sign": {A: "vm.swappiness 10\nfs.file-max=9\n"},
    "Windows": {A: "vm.swappiness=10\r\nfs.file-max=9\r\n"},
    "a credential, which only systemd reads, and last": {
        "/etc/sysctl.d/zz.conf": f"vm.swappiness=1\nfs.file-max=2\n{V}.*.rp_filter=2\n",
        "/etc/credstore/sysctl.extra": f"vm/swappiness=3\n-{V}.lo.rp_filter\n",
    },
    "unknown keys": {A: "vm.nothing=1\nno.such.key=2\nvm.swappiness=3\n"},
}


@pytest.mark.root
@pytest.mark.parametrize("title", LAYOUTS)
@pytest.mark.sampled(12)
def test_the_real_readers_leave_what_we_compute(title: str, tmp_path: Path) -> None:
    need_tools()
    assert differences(tmp_path, LAYOUTS[title]) == []


@pytest.mark.root
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.sampled(4)
def test_random_layouts(seed: int, tmp_path: Path) -> None:
    """A short form of `python tests/fuzz/sysctl_conf.py --count 0 --any 200`."""
    need_tools()
    assert differences(tmp_path, random_layout(random.Random(seed))) == []
