"""What each setting will be after a reboot, on hosts made of text."""

from __future__ import annotations

from ec2rl.conntrack.boot.decide import Setting
from ec2rl.conntrack.boot.keys import BUCKETS, MAX, PREFIX
from ec2rl.conntrack.boot.module import When
from ec2rl.conntrack.boot.settings import BootSettings, boot_settings, would_win
from ec2rl.facts.sysctl_conf import Reader
from ec2rl.host.fake import FakeHost
from ec2rl.model import Evidence, Unreadable, Why

RELEASE = "6.1.0-18-amd64"
MODULES = f"/lib/modules/{RELEASE}"

LOADABLE = {
    "/proc/sys/kernel/osrelease": RELEASE,
    "/proc/cmdline": "ro quiet",
    "/proc/meminfo": "MemTotal:        8000000 kB\nHugepagesize:       2048 kB",
    "ls /usr/lib/systemd": "systemd\nsystemd-sysctl",
    f"{MODULES}/modules.builtin": "kernel/fs/ext4/ext4.ko",
    f"{MODULES}/modules.dep": (
        "kernel/net/netfilter/nf_conntrack.ko: kernel/lib/libcrc32c.ko\n"
        "kernel/net/netfilter/nf_nat.ko: kernel/net/netfilter/nf_conntrack.ko\n"
        "kernel/drivers/block/loop.ko:"
    ),
}
BUILT_IN = {**LOADABLE, f"{MODULES}/modules.builtin": "kernel/net/netfilter/nf_conntrack.ko"}
EARLY = {**LOADABLE, "/etc/modules-load.d/conntrack.conf": "nf_conntrack"}
SET = {"/etc/sysctl.d/50.conf": f"{MAX}=500000\n{BUCKETS}=300000"}
LATE = "nf_conntrack is loaded after the sysctl files are read: no such key yet, exit status 0"
DEFAULT = "default of this kernel for 8000000 kB of memory, max = buckets"


def boot(*parts: dict[str, str]) -> BootSettings:
    looks: dict[str, str] = {}
    for part in parts:
        looks.update(part)
    return boot_settings(FakeHost(looks))


def get(found: BootSettings, key: str) -> Setting:
    setting = found.setting(key)
    assert setting is not None
    return setting


def values(found: BootSettings) -> dict[str, int | None]:
    return {setting.key.removeprefix(PREFIX): setting.value for setting in found.settings}


def test_nothing_set_is_the_kernels_default() -> None:
    found = boot(BUILT_IN)
    assert values(found) == {
        "max": 262144,
        "buckets": 262144,
        "generic_timeout": 600,
        "icmp_timeout": 30,
        "icmpv6_timeout": 30,
        "tcp_timeout_close": 10,
        "tcp_timeout_close_wait": 60,
        "tcp_timeout_established": 432000,
        "tcp_timeout_fin_wait": 120,
        "tcp_timeout_last_ack": 30,
        "tcp_timeout_max_retrans": 300,
        "tcp_timeout_syn_recv": 60,
        "tcp_timeout_syn_sent": 120,
        "tcp_timeout_time_wait": 120,
        "tcp_timeout_unacknowledged": 300,
        "udp_timeout": 30,
        "udp_timeout_stream": 120,
    }
    assert get(found, MAX) == Setting(MAX, 262144, DEFAULT, None)
    assert (found.reader, found.by_hand, found.warnings, found.unread) == (
        Reader.SYSTEMD,
        {},
        (),
        (),
    )


def test_the_line_that_decides_and_those_that_lose() -> None:
    found = boot(
        BUILT_IN,
        SET,
        {
            "/etc/sysctl.d/99-sysctl.conf": "# tuning\nnet.nf_conntrack_max = 0x20000",
            "link /etc/sysctl.d/99-sysctl.conf": "../sysctl.conf",
            "/etc/sysctl.conf": "# tuning\nnet.nf_conntrack_max = 0x20000",
            "/usr/lib/sysctl.d/10.conf": f"{MAX}=7 # seven",
            "/proc/sys/net/netfilter/nf_conntrack_max": "262144",
        },
    )
    assert get(found, MAX) == Setting(
        MAX,
        131072,
        "systemd-sysctl",
        Evidence("/etc/sysctl.d/99-sysctl.conf:2", "net.nf_conntrack_max = 0x20000"),
        spoken_of=True,
        now=262144,
        losers=(
            Evidence("/usr/lib/sysctl.d/10.conf:1", f"{MAX}=7 # seven"),
            Evidence("/etc/sysctl.d/50.conf:1", f"{MAX}=500000"),
        ),
    )
    assert get(found, MAX).survives()
    assert get(found, BUCKETS).value == 300032


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


def test_a_sysctl_line_wins_over_hashsize() -> None:
    found = boot(EARLY, SET, {"/etc/modprobe.d/ct.conf": "options nf_conntrack hashsize=131072"})
    assert (get(found, MAX).value, get(found, BUCKETS).value) == (500000, 300032)


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
        "/etc/sysctl.d/a.conf:2: no assignment: 'net.nf_conntrack_max 9'",
        "/etc/sysctl.d/a.conf:1: this kernel has no such key: 'net.ipv4.ip_conntrack_max=9'",
        f"/etc/sysctl.conf:1: '{MAX}=7' counts for sysctl --system, not at boot",
    )


def test_a_hashsize_that_is_no_number_keeps_the_module_out() -> None:
    found = boot(LOADABLE, {"/etc/modprobe.d/ct.conf": "options nf_conntrack hashsize=1M"})
    assert get(found, MAX).value is None
    assert get(found, MAX).because == "'1M' is no hashsize: the module refuses to load"


def test_a_refused_value_leaves_the_default_as_systemd_writes_once() -> None:
    found = boot(BUILT_IN, SET, {"/etc/sysctl.d/60.conf": f"{MAX}=1M\n{BUCKETS}=0"})
    assert (get(found, MAX).value, get(found, BUCKETS).value) == (262144, 262144)
    assert found.by_hand == {MAX: 500000, BUCKETS: 300032}
    assert not get(found, MAX).survives()
    assert get(found, MAX).warnings == (
        f"/etc/sysctl.d/60.conf:1: '{MAX}=1M' is refused: "
        "the kernel takes no number from it (EINVAL)",
    )


def test_only_kernels_that_have_it_take_an_old_name() -> None:
    old = {
        "/proc/sys/kernel/osrelease": "4.4.0",
        "/lib/modules/4.4.0/modules.builtin": "kernel/net/netfilter/nf_conntrack.ko",
    }
    line = {"/etc/sysctl.d/a.conf": f"net.ipv4.netfilter.ip_conntrack_max=9\n{BUCKETS}=512"}
    found = boot(BUILT_IN, old, line)
    assert (get(found, MAX).value, get(found, BUCKETS).value) == (9, 65536)
    assert get(found, BUCKETS).warnings == (
        f"/etc/sysctl.d/a.conf:2: '{BUCKETS}=512' is refused: "
        "read-only before Linux 4.9: only hashsize sets it",
    )


def test_the_kernels_own_listing_says_which_keys_there_are() -> None:
    names = ("max", "count", "buckets", "generic_timeout", "events")
    listing = {"ls /proc/sys/net/netfilter": "\n".join(f"nf_conntrack_{name}" for name in names)}
    found = boot(BUILT_IN, listing, {"/etc/sysctl.d/a.conf": f"{PREFIX}udp_timeout=9"})
    assert get(found, PREFIX + "udp_timeout").value == 30
    assert found.warnings == (
        f"/etc/sysctl.d/a.conf:1: this kernel has no such key: '{PREFIX}udp_timeout=9'",
    )


def test_any_key_that_a_file_names_is_told() -> None:
    found = boot(BUILT_IN, {"/etc/sysctl.d/a.conf": f"{PREFIX}acct=1\n{PREFIX}events=1"})
    assert (get(found, PREFIX + "acct").value, get(found, PREFIX + "events").value) == (1, 1)


def test_octal_is_told() -> None:
    setting = get(boot(BUILT_IN, {"/etc/sysctl.d/a.conf": f"{MAX}=01000000"}), MAX)
    assert setting.value == 262144
    assert setting.warnings == ("/etc/sysctl.d/a.conf:1: a leading 0 means octal: 262144",)


def test_zero_is_refused_since_6_19() -> None:
    line = {"/etc/sysctl.d/a.conf": f"{MAX}=0"}
    new = {
        "/proc/sys/kernel/osrelease": "6.19.1",
        "/lib/modules/6.19.1/modules.builtin": "kernel/net/netfilter/nf_conntrack.ko",
    }
    assert get(boot(BUILT_IN, line), MAX).value == 0
    assert get(boot(BUILT_IN, line, new), MAX).value == 262144


def test_a_file_that_cannot_be_read_may_decide() -> None:
    found = boot(BUILT_IN, SET, {"/etc/sysctl.d/60.conf": "!denied needs root"})
    unread = Unreadable("/etc/sysctl.d/60.conf", Why.DENIED, "needs root")
    assert set(values(found).values()) == {None}
    assert get(found, MAX).because == "/etc/sysctl.d/60.conf: denied (needs root) may decide"
    assert found.unread == (unread,)


def test_a_line_behind_a_file_that_cannot_be_read_decides() -> None:
    found = boot(BUILT_IN, SET, {"/etc/sysctl.d/40.conf": "!denied needs root"})
    assert (get(found, MAX).value, get(found, PREFIX + "udp_timeout").value) == (500000, None)


def test_a_folder_that_cannot_be_read_may_hold_anything() -> None:
    found = boot(BUILT_IN, SET, {"ls /usr/lib/sysctl.d": "!not-collected"})
    assert get(found, MAX).value is None
    assert found.unread == (Unreadable("/usr/lib/sysctl.d", Why.NOT_COLLECTED),)


def test_a_volume_without_run_decides_nothing_by_that() -> None:
    """/run is a new file system at each boot."""
    found = boot(BUILT_IN, SET, {"ls /run/sysctl.d": "!not-collected"})
    assert get(found, MAX).value == 500000
    assert found.unread == ()


def test_without_a_running_kernel_only_the_files_decide() -> None:
    """A volume of another machine: its memory and command line are not on it."""
    gone = dict.fromkeys(("/proc/cmdline", "/proc/meminfo"), "!not-collected")
    volume = {**EARLY, **gone, "ls /lib/modules": RELEASE}
    volume["/proc/sys/kernel/osrelease"] = "!not-collected"
    found = boot(volume, {"/etc/sysctl.d/a.conf": f"{MAX}=9"})
    assert (get(found, MAX).value, get(found, BUCKETS).value) == (9, None)
    assert get(found, PREFIX + "udp_timeout").value == 30


def test_who_applies_the_files_may_be_unknown() -> None:
    """Both readers agree on a file in sysctl.d; only one reads sysctl.conf."""
    unknown = {"ls /usr/lib/systemd": "!denied"}
    found = boot(BUILT_IN, unknown, SET, {"/etc/sysctl.conf": f"{BUCKETS}=512"})
    assert found.reader is None
    assert (get(found, MAX).value, get(found, BUCKETS).value) == (500000, None)


def test_without_systemd_sysctl_conf_counts() -> None:
    looks = {k: v for k, v in BUILT_IN.items() if k != "ls /usr/lib/systemd"}
    found = boot(looks, SET, {"/etc/sysctl.conf": f"{BUCKETS}=512"})
    assert (found.reader, get(found, BUCKETS).value) == (Reader.PROCPS, 512)


def test_a_masked_unit_applies_nothing() -> None:
    unit = "/etc/systemd/system/systemd-sysctl.service"
    found = boot(BUILT_IN, SET, {f"link {unit}": "/dev/null"})
    assert get(found, MAX).value == 262144
    assert get(found, MAX).lost == f"{unit} is masked: nobody applies the files"


RULE = (
    'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", \\\n'
    '  RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter"'
)


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


def test_what_a_file_would_do_before_it_is_written() -> None:
    host = FakeHost({**LOADABLE, "/etc/sysctl.d/99-sysctl.conf": f"{MAX}=9"})
    ours = {
        "/etc/modules-load.d/ec2rl.conf": "nf_conntrack\n",
        "/etc/sysctl.d/99-netfilter.conf": f"{MAX}=500000\n",
    }
    assert get(would_win(host, ours), MAX).decided == Evidence(
        "/etc/sysctl.d/99-sysctl.conf:1", f"{MAX}=9"
    )
    ours["/etc/sysctl.d/99-zz.conf"] = f"{MAX}=500000\n"
    assert get(would_win(host, ours), MAX).value == 500000


def test_what_taking_a_file_away_would_do() -> None:
    host = FakeHost({**BUILT_IN, **SET})
    assert get(would_win(host, {"/etc/sysctl.d/50.conf": None}), MAX).value == 262144


def test_a_file_written_through_its_link() -> None:
    host = FakeHost(
        {
            **BUILT_IN,
            "link /etc/sysctl.d/99-sysctl.conf": "../sysctl.conf",
            "/etc/sysctl.conf": "# nothing",
        }
    )
    found = would_win(host, {"/etc/sysctl.conf": f"{MAX}=5\n"})
    assert get(found, MAX).decided == Evidence("/etc/sysctl.d/99-sysctl.conf:1", f"{MAX}=5")
