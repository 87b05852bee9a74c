"""Who loads a module before the sysctl files are read: init scripts and initial RAM disks."""

from __future__ import annotations

import pytest

from ec2rl.host.fake import FakeHost
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.module import When, find_module
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.settings import next_boot

RELEASE = "6.1.0"
HOST = {
    "/proc/sys/kernel/osrelease": RELEASE,
    "/proc/cmdline": "quiet",
    f"/lib/modules/{RELEASE}/modules.builtin": "kernel/fs/ext4/ext4.ko",
    f"/lib/modules/{RELEASE}/modules.dep": "kernel/net/bridge/br_netfilter.ko:",
}
SYSTEMD = {**HOST, "ls /usr/lib/systemd": "systemd-sysctl"}
KEY = "net.bridge.bridge-nf-call-iptables"


def when(*parts: dict[str, str]) -> tuple[When, str | None]:
    looks: dict[str, str] = {}
    for part in parts:
        looks.update(part)
    found = find_module(FakeHost(looks), RELEASE, "br_netfilter")
    return found.when, found.evidence.source if found.evidence else None


@pytest.mark.parametrize("init", [{"ls /sbin": "openrc"}, {"ls /etc/runlevels": "boot"}, {}])
def test_etc_modules_counts_where_no_systemd_is(init: dict[str, str]) -> None:
    modules = {"/etc/modules": "# at boot\nbr_netfilter  # for Docker"}
    assert when(HOST, init, modules) == (When.EARLY, "/etc/modules:2")
    assert when(SYSTEMD, modules) == (When.LATE, None)
    link = {"/etc/modules-load.d/m.conf": modules["/etc/modules"].replace("  # for Docker", "")}
    assert when(SYSTEMD, modules, link) == (When.EARLY, "/etc/modules-load.d/m.conf:2")


def test_openrc_reads_etc_modules_only_if_its_script_does() -> None:
    openrc = {"ls /sbin": "openrc", "/etc/modules": "br_netfilter"}
    own = {"/etc/init.d/modules": "for x in /etc/modules-load.d/*.conf; do :; done"}
    settings = {"/etc/conf.d/modules": 'modules="loop br_netfilter"'}
    alpine = {"/etc/init.d/modules": "for f in /etc/modules /etc/modules-load.d/*; do :; done"}
    assert when(HOST, openrc, alpine) == (When.EARLY, "/etc/modules:1")
    assert when(HOST, openrc, own) == (When.LATE, None)
    assert when(HOST, openrc, own, settings) == (When.EARLY, "/etc/conf.d/modules:1")


def test_a_service_that_is_in_no_run_level() -> None:
    openrc = {"ls /sbin": "openrc", "/etc/modules": "br_netfilter"}
    levels = {"ls /etc/runlevels/boot": "sysctl\nmodules", "ls /etc/runlevels/default": ""}
    assert when(HOST, openrc, levels)[0] is When.EARLY
    levels = {"ls /etc/runlevels/boot": "sysctl", "ls /etc/runlevels/default": ""}
    assert when(HOST, openrc, levels)[0] is When.LATE
    looks = {**HOST, **openrc, "ls /etc/runlevels/boot": "modules", "/etc/sysctl.conf": f"{KEY}=1"}
    host = FakeHost(looks)
    (setting,) = next_boot(host, Rules(host, [KEY.replace(".", "/")])).settings
    assert setting.lost == "sysctl is in no run level of OpenRC: nobody applies the files"


DISKS = [
    ("/etc/initramfs-tools/modules", "# for the disk\nbr_netfilter", 2),
    ("/usr/share/initramfs-tools/modules.d/net", "br-netfilter", 1),
    ("/etc/dracut.conf.d/net.conf", 'force_drivers+=" loop br_netfilter "', 1),
    ("/etc/dracut.conf", "force_drivers+=' br_netfilter '", 1),
    ("/etc/mkinitcpio.conf", "MODULES=(ext4\n  br_netfilter)", 2),
    ("/etc/booster.yaml", "modules_force_load: loop,br_netfilter", 1),
]


@pytest.mark.parametrize(("path", "text", "line"), DISKS)
def test_a_disk_may_load_it(path: str, text: str, line: int) -> None:
    disk = {path: text}
    assert when(SYSTEMD, disk) == (When.UNKNOWN, f"{path}:{line}")
    host = FakeHost({**SYSTEMD, **disk, "/etc/sysctl.d/a.conf": f"{KEY}=1"})
    (setting,) = next_boot(host, Rules(host, [KEY.replace(".", "/")])).settings
    assert (setting.value, setting.lost) == (None, "")
    assert setting.because == (
        f"whether the initial RAM disk was made since {path}:{line} has it load br_netfilter is "
        "not known: 1 if it comes in time, else the default"
    )
    early = {"/etc/modules-load.d/a.conf": "br_netfilter"}
    assert when(SYSTEMD, disk, early) == (When.EARLY, "/etc/modules-load.d/a.conf:1")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/initramfs-tools/modules", "#br_netfilter"),
        ("/etc/dracut.conf.d/net.conf", 'add_drivers+=" br_netfilter "'),
        ("/etc/dracut.conf.d/net", 'force_drivers+=" br_netfilter "'),
        ("/etc/mkinitcpio.conf", "HOOKS=(base br_netfilter)"),
    ],
)
def test_a_disk_that_does_not_load_it(path: str, text: str) -> None:
    assert when(SYSTEMD, {path: text}) == (When.LATE, None)


@pytest.mark.parametrize("word", ["rd.driver.pre=br_netfilter", "modules=loop,br_netfilter"])
def test_the_command_line_has_a_disk_load_it(word: str) -> None:
    assert when(SYSTEMD, {"/proc/cmdline": f"quiet {word}"}) == (When.UNKNOWN, "/proc/cmdline")


def test_parameters_behind_a_name() -> None:
    for looks in (
        {**HOST, "/etc/modules": "br_netfilter size=9"},
        {**SYSTEMD, "/etc/initramfs-tools/modules": "br_netfilter size=9"},
    ):
        found = find_module(FakeHost(looks), RELEASE, "br_netfilter")
        assert [(one.name, one.value) for one in found.given] == [("size", "9")]


def test_a_list_of_modules_that_is_denied() -> None:
    path = "/etc/initramfs-tools/modules"
    found = find_module(FakeHost({**SYSTEMD, path: "!denied needs root"}), RELEASE, "br_netfilter")
    assert (found.when, found.unsure) == (
        When.UNKNOWN,
        Unreadable(path, Why.DENIED, "needs root"),
    )


WARNED = [
    ("/etc/sysctl.d/10-x", f"{KEY}=1", ".conf"),
    ("/etc/sysctl.d/10-x.conf.bak", f"# old\n{KEY}=1", ".conf"),
    ("/usr/lib/sysctl.d/.x.conf", f"{KEY}=1", ".conf"),
    ("/etc/modules-load.d/bridge", "br_netfilter", ".conf"),
    ("/etc/modprobe.d/bridge", "options br_netfilter x=1", ".conf"),
]


@pytest.mark.parametrize(("path", "text", "suffix"), WARNED)
def test_a_file_that_nobody_reads_for_its_name(path: str, text: str, suffix: str) -> None:
    host = FakeHost({**SYSTEMD, path: text})
    found = next_boot(host, Rules(host, [KEY.replace(".", "/")]))
    last = text.split("\n")[-1]
    number = text.count("\n") + 1
    why = f"not read at boot, the name does not end with {suffix}"
    assert f"{path}:{number}: {why}: {last!r}" in found.warnings


@pytest.mark.parametrize("text", ["# nothing but words: vm.swappiness=1", "fs.file-max=1", ""])
def test_a_file_that_nobody_reads_and_nobody_misses(text: str) -> None:
    host = FakeHost({**SYSTEMD, "/etc/sysctl.d/README.sysctl": text})
    assert next_boot(host, Rules(host, [KEY.replace(".", "/")])).warnings == ()


def test_etc_modules_that_systemd_does_not_read() -> None:
    host = FakeHost({**SYSTEMD, "/etc/modules": "loop\nbr_netfilter"})
    found = next_boot(host, Rules(host, [KEY.replace(".", "/")]))
    assert found.warnings == (
        "/etc/modules:2: not read at boot, no link in /etc/modules-load.d leads to /etc/modules: "
        "'br_netfilter'",
    )
    debian = {**SYSTEMD, "/etc/modules": "br_netfilter"}
    debian["link /etc/modules-load.d/modules.conf"] = "../modules"
    debian["/etc/modules-load.d/modules.conf"] = "br_netfilter"
    host = FakeHost(debian)
    assert next_boot(host, Rules(host, [KEY.replace(".", "/")])).warnings == ()


@pytest.mark.parametrize(
    "line",
    [
        "sysctl -w vm.swappiness=1",
        "/proc/sys/vm/swappiness=1",
        "vm.swappiness 1",
        "echo 1 > /proc/sys/vm/swappiness",
        "export vm.swappiness=1",
        "vm.swappiness: 1",
    ],
)
def test_a_line_that_does_nothing(line: str) -> None:
    host = FakeHost({**SYSTEMD, "/etc/sysctl.d/a.conf": line, "/proc/sys/vm/swappiness": "60"})
    found = next_boot(host, Rules(host, ["vm/swappiness"]))
    assert found.warnings == (f"/etc/sysctl.d/a.conf:1: does nothing, no assignment: {line!r}",)
    assert found.settings[0].decided is None


def test_evidence_is_the_line() -> None:
    found = find_module(FakeHost({**HOST, "/etc/modules": "br_netfilter"}), RELEASE, "br_netfilter")
    assert found.evidence == Evidence("/etc/modules:1", "br_netfilter")
