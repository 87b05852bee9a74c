"""What start-up scripts, units and other programs may change after the sysctl files."""

from __future__ import annotations

import pytest

from ec2rl.host.fake import FakeHost
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.changers import everybody
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Changer, Idle
from ec2rl.next_boot.settings import next_boot

IF = "if this line is run"


def found(looks: dict[str, str]) -> list[Changer | Idle | Unreadable]:
    host = FakeHost(looks)
    return list(everybody(host, Rules(host)))


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("sysctl -w vm.swappiness=10", "vm.swappiness", "10"),
        ("sysctl -qw vm/swappiness=10; true", "vm.swappiness", "10"),
        ('sysctl -w net.ipv4.tcp_rmem="1 2  3"', "net.ipv4.tcp_rmem", "1 2 3"),
        ("sysctl -w 'net.ipv4.tcp_rmem=1 2 3'", "net.ipv4.tcp_rmem", "1 2 3"),
        ("  - [ sysctl, -w, 'vm.swappiness=10' ]", "vm.swappiness", "10"),
        ("  - [ sysctl, -w, vm.swappiness=10 ]", "vm.swappiness", "10"),
        ("  - sysctl -w vm.swappiness=10", "vm.swappiness", "10"),
        ("echo 10 > /proc/sys/vm/swappiness", "vm.swappiness", "10"),
        ("echo 10 >/proc/sys/vm/swappiness", "vm.swappiness", "10"),
        ('echo "1 2 3" >> /proc/sys/net/ipv4/tcp_rmem', "net.ipv4.tcp_rmem", "1 2 3"),
        ("echo -n 10 | sudo tee /proc/sys/vm/swappiness", "vm.swappiness", "10"),
        ("echo $N > /proc/sys/vm/swappiness", "vm.swappiness", None),
        ("sysctl -w vm.swappiness=$((5 * 2))", "vm.swappiness", None),
        ("sysctl -w kernel.core_pattern=a,b", "kernel.core_pattern", "a,b"),
        ("sysctl -w net.ipv4.conf.eth0/100.rp_filter=1", "net.ipv4.conf.eth0/100.rp_filter", "1"),
        ("  vm.swappiness = 10", "vm.swappiness", "10"),
    ],
)
def test_lines_that_set_a_key(line: str, key: str, value: str | None) -> None:
    looks = {"/etc/rc.local": f"#!/bin/sh\n# vm.swappiness=1\n{line}"}
    place = Evidence("/etc/rc.local:3", line.strip())
    assert found(looks) == [Changer("rc.local", key, value, place, IF)]


@pytest.mark.parametrize(
    "line",
    [
        "FOO=1 run > /dev/null 2>&1",
        "curl --server=net.example.com/x",
        "echo vm.swappiness",
        "mount -o fs=ext4 dev/sda1 /mnt",
        "PATH=/usr/net/bin",
    ],
)
def test_lines_that_do_not(line: str) -> None:
    assert found({"/etc/rc.local": f"#!/bin/sh\n{line}"}) == []


WANTS = "/etc/systemd/system/multi-user.target.wants"


def test_units_that_systemd_starts() -> None:
    unit = (
        "[Service]\nExecStartPre=-/sbin/sysctl -w \\\n  vm.swappiness=10\nExecStop=sysctl -w a.b=1"
    )
    looks = {
        f"link {WANTS}/tune.service": "/lib/systemd/system/tune.service",
        "/lib/systemd/system/tune.service": unit,
        "/etc/systemd/system/tune.service.d/10.conf": (
            '[Service]\nExecStart=sh -c "echo 1 > /proc/sys/vm/overcommit_memory"'
        ),
        "/lib/systemd/system/idle.service": unit,
    }
    assert found(looks) == [
        Changer(
            "tune.service",
            "vm.swappiness",
            "10",
            Evidence(
                "/lib/systemd/system/tune.service:2",
                "ExecStartPre=-/sbin/sysctl -w   vm.swappiness=10",
            ),
            IF,
        ),
        Changer(
            "tune.service",
            "vm.overcommit_memory",
            "1",
            Evidence(
                "/etc/systemd/system/tune.service.d/10.conf:2",
                'ExecStart=sh -c "echo 1 > /proc/sys/vm/overcommit_memory"',
            ),
            IF,
        ),
    ]


def test_a_template_and_a_masked_unit() -> None:
    looks = {
        f"link {WANTS}/tune@1.service": "/lib/systemd/system/tune@.service",
        f"link {WANTS}/other.service": "/lib/systemd/system/other.service",
        "/lib/systemd/system/tune@.service": "ExecStart=sysctl -w vm.swappiness=1",
        "link /etc/systemd/system/other.service": "/dev/null",
        "/lib/systemd/system/other.service": "ExecStart=sysctl -w vm.swappiness=2",
    }
    assert [(c.who, c.value) for c in found(looks) if isinstance(c, Changer)] == [
        ("tune@1.service", "1")
    ]


def test_a_file_that_a_script_loads() -> None:
    looks = {
        "/etc/rc.local": "sysctl -p",
        "/etc/sysctl.conf": "vm.swappiness=1\nvm.swappiness=2\n",
        "/var/lib/cloud/scripts/per-boot/tune": "/sbin/sysctl --load=/opt/tune.conf",
        "/opt/tune.conf": "!denied needs root",
    }
    place = Evidence("/etc/sysctl.conf:2", "vm.swappiness=2")
    assert found(looks) == [
        Changer("rc.local", "vm.swappiness", "2", place, "if /etc/rc.local:1 is run: sysctl -p"),
        Unreadable("/opt/tune.conf", Why.DENIED, "needs root"),
    ]


def test_a_script_that_applies_all_files_by_hand() -> None:
    """It reads /etc/sysctl.conf, which systemd-sysctl does not; what both agree on it leaves."""
    host = FakeHost(
        {
            "ls /usr/lib/systemd": "systemd-sysctl",
            "/proc/cmdline": "",
            "/etc/rc.local": "sysctl --system",
            "/etc/sysctl.conf": "vm.swappiness=1",
            "/etc/sysctl.d/a.conf": "fs.file-max=5",
        }
    )
    told = {
        s.key: [(c.who, c.value) for c in s.changers] for s in next_boot(host, Rules(host)).settings
    }
    assert told == {"fs.file-max": [], "vm.swappiness": [("rc.local", "1")]}


def test_ufw_and_tuned_change_any_key() -> None:
    looks = {
        "/etc/ufw/ufw.conf": "ENABLED=yes",
        "/etc/ufw/sysctl.conf": "net/ipv4/conf/all/rp_filter=1",
        "/etc/tuned/active_profile": "ours",
        "/etc/tuned/ours/tuned.conf": "[sysctl]\nvm.swappiness = 10",
    }
    assert [(c.who, c.setting, c.value) for c in found(looks) if isinstance(c, Changer)] == [
        ("tuned profile ours", "vm.swappiness", "10"),
        ("ufw", "net.ipv4.conf.all.rp_filter", "1"),
    ]


@pytest.mark.parametrize("quote", ["", "'"])
def test_a_line_that_nobody_has_typed_is_not_read(quote: str) -> None:
    line = f"sysctl {quote}{'echo > /proc/sys/vm/x ' * 10_000}{quote}"
    missing = Unreadable("/etc/rc.local:1", Why.PARTIAL, "more than 2000 words")
    assert found({"/etc/rc.local": line}) == [missing]
