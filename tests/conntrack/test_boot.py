"""What each setting will be after a reboot: which line of which file decides."""

from __future__ import annotations

from ec2rl.conntrack.boot.settings import would_win
from ec2rl.conntrack.defaults import BUCKETS, MAX, PREFIX
from ec2rl.facts.sysctl_conf import Reader
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.setting import Setting
from support.booted import BUILT_IN, DEFAULT, EARLY, LOADABLE, RELEASE, SET, boot, get, values


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


def test_a_sysctl_line_wins_over_hashsize() -> None:
    found = boot(EARLY, SET, {"/etc/modprobe.d/ct.conf": "options nf_conntrack hashsize=131072"})
    assert (get(found, MAX).value, get(found, BUCKETS).value) == (500000, 300032)


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


def test_what_a_file_would_do_before_it_is_written() -> None:
    host = RecordedHost({**LOADABLE, "/etc/sysctl.d/99-sysctl.conf": f"{MAX}=9"})
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
    host = RecordedHost({**BUILT_IN, **SET})
    assert get(would_win(host, {"/etc/sysctl.d/50.conf": None}), MAX).value == 262144


def test_a_file_written_through_its_link() -> None:
    host = RecordedHost(
        {
            **BUILT_IN,
            "link /etc/sysctl.d/99-sysctl.conf": "../sysctl.conf",
            "/etc/sysctl.conf": "# nothing",
        }
    )
    found = would_win(host, {"/etc/sysctl.conf": f"{MAX}=5\n"})
    assert get(found, MAX).decided == Evidence("/etc/sysctl.d/99-sysctl.conf:1", f"{MAX}=5")


def test_a_key_that_only_sysctl_system_sees_is_told() -> None:
    events = PREFIX + "events"
    found = boot(BUILT_IN, {"/etc/sysctl.conf": f"{events}=0"})
    assert (get(found, events).value, found.by_hand) == (None, {events: 0})
    assert found.warnings == (
        f"/etc/sysctl.conf:1: '{events}=0' counts for sysctl --system, not at boot",
    )


def test_the_kernels_command_line_sets_a_key_that_is_built_in() -> None:
    line = {"/proc/cmdline": f"ro sysctl.{MAX}=9 sysctl.net/nf_conntrack_max=8 sysctl.vm.x=1"}
    setting = get(boot(BUILT_IN, line), MAX)
    assert (setting.value, setting.because) == (8, "the kernel's command line")
    assert setting.decided == Evidence("/proc/cmdline", "sysctl.net/nf_conntrack_max=8")
    assert setting.losers == (Evidence("/proc/cmdline", f"sysctl.{MAX}=9"),)
    assert get(boot(BUILT_IN, line, SET), MAX).value == 500000
    old = {
        "/proc/sys/kernel/osrelease": "5.4.0",
        "/lib/modules/5.4.0/modules.builtin": "kernel/net/netfilter/nf_conntrack.ko",
    }
    assert get(boot(BUILT_IN, old, line), MAX).value == 262144


def test_a_module_is_not_there_when_the_kernel_reads_its_command_line() -> None:
    found = boot(EARLY, {"/proc/cmdline": f"ro sysctl.{MAX}=9"})
    assert get(found, MAX) == Setting(MAX, 262144, DEFAULT, None)
    assert found.warnings == (
        f"/proc/cmdline: 'sysctl.{MAX}=9' does nothing: {MAX} is not there that early",
    )
