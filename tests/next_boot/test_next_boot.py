"""What any key will be after a reboot: hosts made of text."""

from __future__ import annotations

from ec2rl.facts.sysctl_conf import Reader
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.module import When
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import NextBoot, Setting
from ec2rl.next_boot.settings import next_boot

RELEASE = "6.1.0-18-amd64"
DEFAULT = "the kernel's default, which is not known here"
HOST = {
    "/proc/sys/kernel/osrelease": RELEASE,
    "/proc/sys/vm/swappiness": "60",
    "/proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456",
    "/proc/sys/net/ipv4/ip_forward": "0",
    "/proc/cmdline": "ro quiet",
    "ls /usr/lib/systemd": "systemd\nsystemd-sysctl",
    f"/lib/modules/{RELEASE}/modules.builtin": "kernel/fs/ext4/ext4.ko",
    f"/lib/modules/{RELEASE}/modules.dep": (
        "kernel/net/bridge/br_netfilter.ko: kernel/net/bridge/bridge.ko\n"
        "kernel/net/netfilter/xt_physdev.ko: kernel/net/bridge/br_netfilter.ko"
    ),
}
A = "/etc/sysctl.d/a.conf"
BRIDGE = "net.bridge.bridge-nf-call-iptables"


def boot(looks: dict[str, str], *keys: str) -> NextBoot:
    host = RecordedHost({**HOST, **looks})
    return next_boot(host, Rules(host, [key.replace(".", "/") for key in keys]))


def one(looks: dict[str, str], key: str) -> Setting:
    (setting,) = boot(looks, key).settings
    return setting


def test_nothing_set_is_the_kernels_default() -> None:
    found = boot({}, "vm.swappiness")
    setting = Setting("vm.swappiness", None, DEFAULT, None, now="60")
    assert found == NextBoot((setting,), Reader.SYSTEMD, {}, (), ())


def test_the_line_that_decides_those_that_lose_and_what_is_by_hand() -> None:
    looks = {
        A: "vm.swappiness = 10 # less",
        "/usr/lib/sysctl.d/10.conf": "vm/swappiness=0x14",
        "/etc/sysctl.conf": "vm.swappiness=30",
    }
    found = boot(looks, "vm.swappiness")
    assert found.settings == (
        Setting(
            "vm.swappiness",
            "10",
            "systemd-sysctl",
            Evidence(f"{A}:1", "vm.swappiness = 10 # less"),
            spoken_of=True,
            now="60",
            losers=(Evidence("/usr/lib/sysctl.d/10.conf:1", "vm/swappiness=0x14"),),
            warnings=(f"{A}:1: read as 10",),
        ),
    )
    assert found.by_hand == {"vm.swappiness": "30"}
    assert found.warnings == (
        "/etc/sysctl.conf:1: 'vm.swappiness=30' counts for sysctl --system, not at boot",
    )


def test_without_keys_all_that_anything_names_is_told() -> None:
    looks = {
        A: "vm.swappiness=10\n-kernel.pid_max\nnet.ipv4.ip_f*=1\n*no key",
        "/etc/sysctl.conf": "fs.file-max=5",
        "/proc/cmdline": "sysctl.vm.nr_hugepages=4",
        "/etc/rc.local": "sysctl -w kernel.panic=10",
    }
    found = boot(looks)
    assert [setting.key for setting in found.settings] == [
        "fs.file-max",
        "kernel.panic",
        "kernel.pid_max",
        "net.ipv4.ip_forward",
        "vm.nr_hugepages",
        "vm.swappiness",
    ]
    assert f"{A}:4: does nothing, no assignment: '*no key'" in found.warnings


def test_lists_are_compared_without_their_blanks() -> None:
    looks = {A: "net.ipv4.tcp_rmem = 4096  131072\t6291456"}
    setting = one(looks, "net.ipv4.tcp_rmem")
    assert (setting.now, setting.value) == ("4096 131072 6291456", "4096 131072 6291456")
    assert setting.survives()


def test_a_list_that_is_too_short_is_not_computed() -> None:
    setting = one({A: "net.ipv4.tcp_rmem=4096"}, "net.ipv4.tcp_rmem")
    assert (setting.value, setting.because) == (
        None,
        "it gives 1 of the 3 numbers: the others stay as they are",
    )


def test_what_is_no_number_is_refused() -> None:
    setting = one({A: "vm.swappiness=ten"}, "vm.swappiness")
    assert (setting.value, setting.because) == (None, DEFAULT)
    assert setting.warnings == (
        f"{A}:1: 'vm.swappiness=ten' is refused: the kernel takes no number from it (EINVAL)",
    )


def test_the_command_line_comes_before_the_files() -> None:
    words = 'ro sysctl.vm.swappiness=20 "sysctl.net.ipv4.tcp_rmem=1 2 3" hung_task_panic=1'
    line = {"/proc/cmdline": f"{words} -- sysctl.vm.swappiness=9"}
    there = {"/proc/sys/kernel/hung_task_panic": "0"}
    assert one(line, "vm.swappiness") == Setting(
        "vm.swappiness",
        "20",
        "the kernel's command line",
        Evidence("/proc/cmdline", "sysctl.vm.swappiness=20"),
        spoken_of=True,
        now="60",
    )
    assert one(line, "net.ipv4.tcp_rmem").value == "1 2 3"
    assert one({**line, **there}, "kernel.hung_task_panic").value == "1"
    setting = one({**line, A: "vm.swappiness=10"}, "vm.swappiness")
    assert (setting.value, setting.losers) == (
        "10",
        (Evidence("/proc/cmdline", "sysctl.vm.swappiness=20"),),
    )
    assert one({**line, "/proc/sys/kernel/osrelease": "5.4.0"}, "vm.swappiness").value is None


def test_a_module_that_comes_late_loses_its_lines() -> None:
    looks = {A: f"{BRIDGE}=0", f"/proc/sys/{BRIDGE.replace('.', '/')}": "1"}
    late = "br_netfilter is loaded after the sysctl files are read: no such key yet, exit status 0"
    setting = one(looks, BRIDGE)
    assert (setting.value, setting.now, setting.lost) == (None, "1", late)
    assert setting.losers == (Evidence(f"{A}:1", f"{BRIDGE}=0"),)
    for early in ("br_netfilter", "xt_physdev", "br-netfilter"):
        assert one({**looks, "/etc/modules-load.d/k8s.conf": early}, BRIDGE).value == "0"
    rule = 'ACTION=="add", SUBSYSTEM=="module", KERNEL=="br_netfilter", RUN+="/x/systemd-sysctl"'
    again = one({**looks, "/etc/udev/rules.d/9.rules": rule}, BRIDGE)
    assert (again.value, again.lost, again.warnings) == (
        "0",
        "",
        ("/etc/udev/rules.d/9.rules:1 applies the files when the module comes",),
    )


def test_the_caller_may_know_the_module() -> None:
    host = RecordedHost({**HOST, A: "net.x.y=1", "/proc/sys/net/x/y": "0"})
    found = next_boot(host, Rules(host, ["net/x/y"], {"net.x.y": "xt_physdev"}))
    assert found.settings[0].lost.startswith("xt_physdev is loaded after")


def test_a_key_that_is_not_there_now_is_lost_unless_something_brings_it() -> None:
    setting = one({A: "fs.xfs.error_level=3"}, "fs.xfs.error_level")
    assert setting.lost == (
        "there is no such key now: the files set it only if what makes it is there before they are "
        "read"
    )
    volume = {path: text for path, text in HOST.items() if not path.startswith("/proc/sys")}
    host = RecordedHost({**volume, "ls /lib/modules": RELEASE, A: "fs.xfs.error_level=3"})
    (setting,) = next_boot(host, Rules(host, ["fs/xfs/error_level"])).settings
    assert (setting.value, setting.lost) == ("3", "")


NET = (
    'ACTION=="add", SUBSYSTEM=="net", KERNEL!="lo", RUN+="/lib/systemd/systemd-sysctl '
    '--prefix=/net/ipv4/conf/$name"'
)


def test_keys_of_an_interface_need_udev() -> None:
    path = "net/ipv4/conf/eth0.100/rp_filter"
    looks = {**HOST, A: "net.ipv4.conf.eth0/100.rp_filter=2", f"/proc/sys/{path}": "0"}
    host = RecordedHost({**looks, "/usr/lib/udev/rules.d/99-systemd.rules": NET})
    (setting,) = next_boot(host, Rules(host, [path])).settings
    assert (setting.key, setting.value) == ("net.ipv4.conf.eth0/100.rp_filter", "2")
    (setting,) = next_boot(RecordedHost(looks), Rules(RecordedHost(looks), [path])).settings
    assert (setting.value, setting.because) == (
        None,
        "whether eth0.100 is there when the files are read is not known, and no udev rule applies "
        "the files when it comes: 2 if it comes in time, else the default",
    )


def test_an_interface_takes_what_is_the_default_then() -> None:
    path = {"/proc/sys/net/ipv4/conf/eth0/rp_filter": "0"}
    setting = one({**path, A: "net.ipv4.conf.all.rp_filter=1"}, "net.ipv4.conf.eth0.rp_filter")
    assert setting.because == "it takes net.ipv4.conf.default.rp_filter when eth0 comes"


def test_two_names_of_one_variable() -> None:
    looks = {A: "net.ipv4.conf.all.forwarding=1"}
    assert one(looks, "net.ipv4.ip_forward").value == "1"
    assert one(looks, "net.ipv4.conf.all.forwarding").key == "net.ipv4.ip_forward"


def test_a_file_that_cannot_be_read_may_decide() -> None:
    found = boot(
        {A: "vm.swappiness=1", "/etc/sysctl.d/b.conf": "!denied needs root"}, "vm.swappiness"
    )
    assert found.settings[0].because == "/etc/sysctl.d/b.conf: denied (needs root) may decide"
    assert found.unread == (Unreadable("/etc/sysctl.d/b.conf", Why.DENIED, "needs root"),)


def test_an_initial_ram_disk_decides_only_what_no_file_sets() -> None:
    looks = {"ls /usr/lib/dracut/modules.d": "a", "ls /boot": f"initramfs-{RELEASE}.img\nvmlinuz"}
    assert [str(each) for each in boot(looks, "vm.swappiness").unread] == [
        f"/boot/initramfs-{RELEASE}.img: partial (an initial RAM disk: its copies of sysctl files "
        "may set what no file here does)"
    ]
    assert boot({**looks, A: "vm.swappiness=1"}, "vm.swappiness").unread == ()


def test_a_credential_that_is_encrypted_may_decide() -> None:
    looks = {A: "vm.swappiness=1", "ls /etc/credstore.encrypted": "sysctl.extra"}
    found = boot(looks, "vm.swappiness")
    assert found.settings[0].value is None
    assert found.unread == (
        Unreadable("/etc/credstore.encrypted/sysctl.extra", Why.PARTIAL, "encrypted"),
    )
    denied = boot({A: "vm.swappiness=1", "ls /run/credentials/@system": "!denied"}, "vm.swappiness")
    assert denied.unread == (Unreadable("/run/credentials/@system", Why.DENIED),)


def test_patterns_meet_what_the_kernel_shows() -> None:
    conf = {f"/proc/sys/net/ipv4/conf/{name}/rp_filter": "0" for name in ("all", "default", "lo")}
    found = boot({**conf, A: "net.ipv4.conf.*.rp_filter=2\n-net.ipv4.conf.all.rp_filter"})
    assert {setting.key: setting.value for setting in found.settings} == {
        "net.ipv4.conf.all.rp_filter": None,
        "net.ipv4.conf.default.rp_filter": "2",
        "net.ipv4.conf.lo.rp_filter": "2",
    }
    asked = boot(conf, "net.ipv4.conf.*.rp_filter")
    assert len(asked.settings) == 3
    assert boot({}, "net.nothing.*").warnings == ("no key here meets net.nothing.*",)


def test_modules_are_told_apart_by_their_whole_names() -> None:
    host = RecordedHost(HOST)
    assert Rules(host).module("br_netfilter").when is When.LATE
    assert Rules(host).module("netfilter").when is not When.BUILT_IN
