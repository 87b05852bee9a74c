"""What each setting will be after a reboot: when and how the module is loaded, and by whom."""

from __future__ import annotations

from ec2rl.conntrack.defaults import BUCKETS, MAX
from ec2rl.model import Evidence
from ec2rl.next_boot.module import When
from ec2rl.next_boot.setting import Setting
from support.booted import BUILT_IN, DEFAULT, EARLY, LATE, LOADABLE, SET, boot, get

RULE = (
    'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", \\\n'
    '  RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter"'
)


def test_a_module_that_comes_late_loses_the_lines() -> None:
    found = boot(LOADABLE, SET)
    assert get(found, MAX) == Setting(
        MAX,
        262144,
        DEFAULT,
        None,
        spoken_of=True,
        losers=(Evidence("/etc/sysctl.d/50.conf:1", f"{MAX}=500000"),),
        lost=LATE,
    )
    assert not get(found, MAX).survives()
    assert found.module.when is When.LATE


def test_modules_load_d_brings_it_in_time() -> None:
    found = boot(EARLY, SET)
    assert get(found, MAX).value == 500000
    assert found.module.evidence == Evidence("/etc/modules-load.d/conntrack.conf:1", "nf_conntrack")


def test_a_module_that_needs_it_brings_it_too() -> None:
    found = boot(LOADABLE, SET, {"/usr/lib/modules-load.d/k8s.conf": "loop\nnf-nat"})
    assert get(found, MAX).value == 500000
    assert found.module.evidence == Evidence("/usr/lib/modules-load.d/k8s.conf:2", "nf-nat")


def test_an_old_module_name_brings_nothing() -> None:
    found = boot(LOADABLE, SET, {"/etc/modules-load.d/a.conf": "nf_conntrack_ipv4"})
    assert get(found, MAX).lost == LATE
    assert found.warnings == (
        "/etc/modules-load.d/a.conf:1: no module nf_conntrack_ipv4 of this kernel loads "
        "nf_conntrack",
    )


def test_a_blacklisted_module_is_not_loaded() -> None:
    found = boot(EARLY, SET, {"/etc/modprobe.d/b.conf": "blacklist nf_conntrack"})
    assert get(found, MAX).lost == LATE
    assert found.warnings == (
        "/etc/modules-load.d/conntrack.conf:1: nf_conntrack is not loaded, "
        "/etc/modprobe.d/b.conf:1 blacklists it",
    )


def test_the_kernel_command_line_may_load_it() -> None:
    found = boot(LOADABLE, SET, {"/proc/cmdline": "ro modules_load=loop,nf_conntrack"})
    assert get(found, MAX).value == 500000


def test_hashsize_gives_both_sizes() -> None:
    found = boot(LOADABLE, {"/etc/modprobe.d/ct.conf": "options nf_conntrack hashsize=131072"})
    place = Evidence("/etc/modprobe.d/ct.conf:1", "options nf_conntrack hashsize=131072")
    told = "hashsize: max is 8 x buckets"
    assert get(found, BUCKETS) == Setting(BUCKETS, 131072, told, place)
    assert get(found, MAX) == Setting(MAX, 1048576, told, place)
    assert get(found, MAX).survives()


def test_the_command_line_wins_over_modprobe() -> None:
    found = boot(
        LOADABLE,
        {
            "/etc/modprobe.d/ct.conf": "options nf_conntrack hashsize=131072",
            "/proc/cmdline": "ro nf_conntrack.hashsize=65536",
        },
    )
    assert get(found, MAX).value == 524288
    assert get(found, MAX).decided == Evidence("/proc/cmdline", "nf_conntrack.hashsize=65536")


def test_dead_lines_are_named() -> None:
    found = boot(
        BUILT_IN,
        {
            "/etc/modprobe.d/ct.conf": (
                "options nf_conntrack nf_conntrack_max=1000000\n"
                "options nf_conntrack hashsize=131072"
            ),
            "/etc/sysctl.d/a.conf": "net.ipv4.ip_conntrack_max=9\nnet.nf_conntrack_max 9",
            "/etc/sysctl.conf": f"{MAX}=7",
        },
    )
    assert get(found, MAX).value == 262144
    assert found.by_hand == {MAX: 7}
    assert found.warnings == (
        "/etc/modprobe.d/ct.conf:1: nf_conntrack has no parameter nf_conntrack_max: "
        "'options nf_conntrack nf_conntrack_max=1000000' does nothing",
        "/etc/modprobe.d/ct.conf:2: nf_conntrack is built in, modprobe never loads it: "
        "'options nf_conntrack hashsize=131072' does nothing",
        "/etc/sysctl.d/a.conf:2: does nothing, no assignment: 'net.nf_conntrack_max 9'",
        "/etc/sysctl.d/a.conf:1: this kernel has no such key: 'net.ipv4.ip_conntrack_max=9'",
        f"/etc/sysctl.conf:1: '{MAX}=7' counts for sysctl --system, not at boot",
    )


def test_a_hashsize_that_is_no_number_keeps_the_module_out() -> None:
    found = boot(LOADABLE, {"/etc/modprobe.d/ct.conf": "options nf_conntrack hashsize=1M"})
    assert get(found, MAX).value is None
    assert get(found, MAX).because == "'1M' is no hashsize: the module refuses to load"


def test_a_udev_rule_applies_the_files_again() -> None:
    found = boot(LOADABLE, SET, {"/etc/udev/rules.d/50.rules": f"# again\n{RULE}"})
    assert (get(found, MAX).value, get(found, MAX).lost) == (500000, "")
    assert get(found, MAX).warnings == (
        "/etc/udev/rules.d/50.rules:2 applies the files when the module comes",
    )


def test_a_udev_rule_for_another_module_does_not_help() -> None:
    for rule in (RULE.replace('ck"', 'ck_ftp"'), RULE.replace("add", "remove")):
        found = boot(LOADABLE, SET, {"/etc/udev/rules.d/50.rules": rule})
        assert get(found, MAX).lost == LATE


def test_the_rule_of_the_manual_does_not_cover_the_alias() -> None:
    found = boot(
        LOADABLE,
        {"/etc/sysctl.d/a.conf": "net.nf_conntrack_max=9", "/etc/udev/rules.d/50.rules": RULE},
    )
    assert get(found, MAX).value == 262144
    assert get(found, MAX).lost == (
        f"{LATE}; /etc/udev/rules.d/50.rules:1 applies the files when the module comes, "
        "but not this line"
    )


def test_a_rule_that_runs_something_else_is_not_computed() -> None:
    rule = 'SUBSYSTEM=="module", KERNEL=="nf_conntrack", RUN+="/usr/local/bin/tune"'
    setting = get(boot(LOADABLE, SET, {"/etc/udev/rules.d/50.rules": rule}), MAX)
    assert (setting.value, setting.because) == (None, "/etc/udev/rules.d/50.rules:1 runs a command")


def test_an_install_command_is_not_computed() -> None:
    line = "install nf_conntrack /sbin/modprobe -i nf_conntrack && /sbin/sysctl -p"
    setting = get(boot(LOADABLE, SET, {"/etc/modprobe.d/a.conf": line}), MAX)
    assert (setting.value, setting.because) == (None, "/etc/modprobe.d/a.conf:1 runs a command")


def test_services_that_load_it_later_are_named() -> None:
    link = "/etc/systemd/system/multi-user.target.wants/docker.service"
    found = boot(LOADABLE, SET, {f"link {link}": "/lib/systemd/system/docker.service"})
    assert found.loaders == (Evidence(link, "-> /lib/systemd/system/docker.service"),)
