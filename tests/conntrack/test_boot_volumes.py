"""Whole volumes of the kind that people bring: what the next boot makes of them, and of a fix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ec2rl.conntrack.boot.files import boot_files
from ec2rl.conntrack.boot.settings import BootSettings, boot_settings
from ec2rl.conntrack.defaults import BUCKETS, MAX
from ec2rl.host.caching import CachingHost
from ec2rl.host.mounted import MountedHost

GRUB = 'menuentry "x" {\n linux /vmlinuz-6.1.0 root=UUID=1 ro\n}\n'
BASE = {
    "usr/lib/systemd/systemd-sysctl": "x",
    "lib/modules/6.1.0/modules.builtin": "kernel/fs/ext4/ext4.ko\n",
    "lib/modules/6.1.0/modules.dep": "kernel/net/netfilter/nf_conntrack.ko:\n",
    "boot/grub/grub.cfg": GRUB,
}
EARLY = {"etc/modules-load.d/nf.conf": "nf_conntrack\n"}
FILE = {"etc/sysctl.d/nf.conf": f"{MAX}=131072\n"}
WANTS = "etc/systemd/system/multi-user.target.wants"
TUNE = f"[Service]\nExecStart=/sbin/sysctl -w {MAX}=65535\n"


def lay(root: Path, *parts: dict[str, str]) -> CachingHost:
    for part in (BASE, *parts):
        for path, text in part.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                file.symlink_to(text[3:])
            else:
                file.write_text(text)
    return CachingHost(MountedHost(str(root)))


def later(found: BootSettings) -> list[tuple[str, object]]:
    setting = found.setting(MAX)
    assert setting is not None
    return [(one.who, one.value) for one in setting.changers]


def value(found: BootSettings) -> object:
    setting = found.setting(MAX)
    assert setting is not None
    return setting.value


UNIT = {"etc/systemd/system/ct.service": TUNE, f"{WANTS}/ct.service": "-> ../ct.service"}
DROP_IN = {
    "usr/lib/systemd/system/docker.service": "[Service]\nExecStart=/bin/true\n",
    f"{WANTS}/docker.service": "-> /usr/lib/systemd/system/docker.service",
    "etc/systemd/system/docker.service.d/ct.conf": (
        f"[Service]\nExecStartPost=/sbin/sysctl -w {MAX}=524288\n"
    ),
}
INTERFACES = {"etc/network/interfaces": f"auto e\niface e inet dhcp\n  up sysctl -w {MAX}=65536\n"}
K3S = {
    "etc/systemd/system/k3s.service": "[Service]\nExecStart=/usr/local/bin/k3s server\n",
    f"{WANTS}/k3s.service": "-> /etc/systemd/system/k3s.service",
}


@pytest.mark.parametrize(
    ("part", "who", "sets"),
    [
        (UNIT, "ct.service", 65535),
        (DROP_IN, "docker.service", 524288),
        (INTERFACES, "ifupdown", 65536),
        (K3S, "k3s.service", None),
        ({"etc/cron.d/t": f"@reboot root sysctl -w {MAX}=65536\n"}, "cron", 65536),
        ({"etc/rc.local": f"#!/bin/sh\nsysctl -w {MAX}=65536\n"}, "rc.local", 65536),
        ({"etc/rc.local": "#!/bin/sh\nsysctl -p /opt/n.conf\n", "opt/n.conf": f"{MAX}=7\n"},
         "rc.local", 7),
        ({**UNIT, "etc/systemd/system/ct.service": "[Service]\nExecStart=/opt/t.sh\n",
          "opt/t.sh": "#!/bin/sh\necho 9 > /proc/sys/net/nf_conntrack_max\n"}, "ct.service", 9),
    ],
)  # fmt: skip
def test_who_changes_it_later(
    tmp_path: Path, part: dict[str, str], who: str, sets: int | None
) -> None:
    host = lay(tmp_path, EARLY, FILE, part)
    found = boot_settings(host)
    assert (value(found), later(found)) == (131072, [(who, sets)])
    files = boot_files(host, {MAX: 2000000})
    ends = "changes it" if sets is None else f"sets it to {sets} "
    assert not files.lasting
    told = files.maybe_persistent if sets is None else files.not_persistent
    assert f"{MAX}: {who} {ends}" in told[0]
    assert len(files.maybe_persistent + files.not_persistent) == 1


def test_a_module_that_is_late_and_a_unit_that_comes_later(tmp_path: Path) -> None:
    found = boot_settings(lay(tmp_path, FILE, UNIT))
    setting = found.setting(MAX)
    assert setting is not None
    assert setting.lost
    assert later(found) == [("ct.service", 65535)]


def test_the_hash_set_as_a_parameter_of_the_module(tmp_path: Path) -> None:
    line = "echo 1000000 > /sys/module/nf_conntrack/parameters/hashsize"
    found = boot_settings(lay(tmp_path, EARLY, FILE, {"etc/rc.local": f"#!/bin/sh\n{line}\n"}))
    setting = found.setting(BUCKETS)
    assert setting is not None
    assert [(one.who, one.value) for one in setting.changers] == [("rc.local", 1000448)]
    assert later(found) == []


def test_rc_local_that_applies_sysctl_conf(tmp_path: Path) -> None:
    host = lay(
        tmp_path,
        {
            "etc/rc.local": "#!/bin/sh\nmodprobe nf_conntrack\nsysctl -p\n",
            "etc/sysctl.conf": f"{MAX} = 1000000\n",
        },
    )
    found = boot_settings(host)
    assert later(found) == [("rc.local", 1000000)]
    assert found.warnings == ()  # the line counts


def test_a_module_that_the_initial_ram_disk_loads(tmp_path: Path) -> None:
    host = lay(tmp_path, FILE, {"etc/initramfs-tools/modules": "nf_conntrack\n"})
    setting = boot_settings(host).setting(MAX)
    assert setting is not None
    assert (setting.value, setting.lost) == (None, "")
    assert "131072 if it comes in time" in setting.because
    assert boot_files(host, {MAX: 2000000}).lasting


def test_names_that_nobody_reads_and_lines_that_do_nothing(tmp_path: Path) -> None:
    found = boot_settings(
        lay(
            tmp_path,
            {
                "etc/sysctl.d/10-x": f"{MAX}=1000000\n",
                "etc/modules-load.d/nf": "nf_conntrack\n",
                "etc/sysctl.d/99-x.conf": f"sysctl -w {MAX}=131072\n",
            },
        )
    )
    assert found.warnings == (
        f"/etc/sysctl.d/99-x.conf:1: does nothing, no assignment: 'sysctl -w {MAX}=131072'",
        f"/etc/sysctl.d/10-x:1: not read at boot, the name does not end with .conf: "
        f"'{MAX}=1000000'",
        "/etc/modules-load.d/nf:1: not read at boot, the name does not end with .conf: "
        "'nf_conntrack'",
    )


def test_alpine(tmp_path: Path) -> None:
    host = lay(
        tmp_path,
        {
            "etc/alpine-release": "3.20\n",
            "sbin/openrc": "x",
            "etc/modules": "nf_conntrack\n",
            "etc/sysctl.conf": f"{MAX} = 262144\n",
        },
    )
    (tmp_path / "usr/lib/systemd/systemd-sysctl").unlink()
    found = boot_settings(host)
    assert (value(found), found.module.evidence is not None) == (262144, True)
    setting = found.setting(MAX)
    assert setting is not None
    assert setting.survives()


@pytest.mark.parametrize("again", [True, False])
def test_tuned_applies_the_files_again(tmp_path: Path, again: bool) -> None:
    host = lay(
        tmp_path,
        EARLY,
        FILE,
        {
            "etc/tuned/active_profile": "node\n",
            "usr/lib/tuned/node/tuned.conf": f"[sysctl]\n{MAX}=1048576\n",
            "etc/tuned/tuned-main.conf": f"reapply_sysctl = {int(again)}\n",
        },
    )
    files = boot_files(host, {MAX: 2000000})
    assert files.lasting is again
    assert all("tuned profile node sets it to 1048576" in why for why in files.not_persistent)


def test_no_link_leads_out_of_a_volume(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(f"#!/bin/sh\nsysctl -w {MAX}=1\n")
    root = tmp_path / "root"
    host = lay(
        root,
        EARLY,
        FILE,
        {
            "etc/rc.local": f"-> {outside}",
            "etc/cron.d/t": "-> ../../../outside",
            "etc/network/interfaces": f"source {outside}\nsource ../../../../outside\n",
            **UNIT,
            "etc/systemd/system/ct.service": f"[Service]\nExecStart=/bin/sh {outside}\n",
        },
    )
    assert later(boot_settings(host)) == []
    assert os.path.lexists(root / "etc/rc.local")
