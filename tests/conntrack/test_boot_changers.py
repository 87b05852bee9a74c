"""Who changes settings after the sysctl files were applied: only what the host shows."""

from __future__ import annotations

import pytest

from ec2rl.conntrack.boot.changers import changers
from ec2rl.conntrack.boot.rules import ConntrackRules
from ec2rl.conntrack.defaults import MAX, PREFIX
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.setting import Changer, Idle, Lowers

ESTABLISHED = PREFIX + "tcp_timeout_established"
CLOSE_WAIT = PREFIX + "tcp_timeout_close_wait"
CPUS = {"/sys/devices/system/cpu/online": "0-3,6"}
WANTS = "/etc/systemd/system/multi-user.target.wants"

CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
clusterCIDR: ""
conntrack:
  maxPerCore: 65536
  min: null
  tcpCloseWaitTimeout: 1h2m3s
  tcpEstablishedTimeout: 0s
kind: KubeProxyConfiguration
"""


def everybody(looks: dict[str, str]) -> tuple[Changer | Idle | Unreadable, ...]:
    host = RecordedHost(looks)
    return tuple(changers(host, ConntrackRules(host)))


def found(looks: dict[str, str], loadable: bool = True) -> tuple[Changer, ...]:
    built_in = {} if loadable else {"ls /sys/module/nf_conntrack": "parameters"}
    theirs = everybody({**looks, **built_in})
    assert not any(isinstance(one, Unreadable) for one in theirs)
    return tuple(one for one in theirs if isinstance(one, Changer))


def test_nobody() -> None:
    assert found({}) == ()


def test_kube_proxy_by_its_configuration() -> None:
    path = "/var/lib/kube-proxy/config.conf"
    assert found({**CPUS, path: CONFIG}) == (
        Changer(
            "kube-proxy",
            MAX,
            327680,
            Evidence(f"{path}:4", "maxPerCore: 65536"),
            "maxPerCore 65536 x 5 CPUs, at least 131072; buckets become max / 4 where they are "
            "fewer; versions 1.23 to 1.28, and since 1.38, leave a larger value",
            Lowers.UNKNOWN,
        ),
        Changer(
            "kube-proxy",
            CLOSE_WAIT,
            3723,
            Evidence(f"{path}:6", "tcpCloseWaitTimeout: 1h2m3s"),
            "tcpCloseWaitTimeout 1h2m3s",
            Lowers.UNKNOWN,
        ),
    )


def test_kube_proxy_by_its_command_line() -> None:
    line = (
        "/usr/local/bin/kube-proxy\0--conntrack-max-per-core=0\0"
        "--conntrack-tcp-timeout-established\x001h\0--v=2"
    )
    looks = {"ls /etc/kubernetes": "manifests", "/proc/77/cmdline": line}
    place = Evidence(
        "/proc/77/cmdline",
        "/usr/local/bin/kube-proxy --conntrack-max-per-core=0 "
        "--conntrack-tcp-timeout-established 1h --v=2",
    )
    assert found(looks) == (
        Changer("kube-proxy", ESTABLISHED, 3600, place, "tcpEstablishedTimeout 1h", Lowers.UNKNOWN),
        Changer(
            "kube-proxy", CLOSE_WAIT, 3600, place, "tcpCloseWaitTimeout 1h0m0s", Lowers.UNKNOWN
        ),
    )


def test_kube_proxy_by_the_file_that_its_process_has_open() -> None:
    looks = {
        **CPUS,
        "ls /var/lib/kubelet": "pods",
        "/proc/77/cmdline": "kube-proxy\0--config=/var/lib/kube-proxy/config.conf",
        "/proc/77/root/var/lib/kube-proxy/config.conf": CONFIG,
    }
    first = found(looks)[0]
    assert (first.value, first.evidence.source) == (
        327680,
        "/proc/77/root/var/lib/kube-proxy/config.conf:4",
    )


def test_kube_proxy_by_the_volume_of_its_pod() -> None:
    folder = "/var/lib/kubelet/pods/6b1f/volumes/kubernetes.io~configmap/config"
    assert found({**CPUS, f"{folder}/config": CONFIG})[0].evidence.source == f"{folder}/config:4"


def test_kube_proxy_where_its_versions_differ() -> None:
    looks = {"/sys/devices/system/cpu/online": "0-63", "/var/lib/kube-proxy/config.conf": CONFIG}
    first = found(looks)[0]
    assert (first.value, first.note.split("; ")[2]) == (
        None,
        "from version 1.36 no more than 1048576",
    )


def test_a_configuration_of_kube_proxy_that_is_denied() -> None:
    path = "/var/lib/kube-proxy/config.conf"
    denied = Unreadable(path, Why.DENIED, "needs root")
    assert everybody({path: "!denied needs root"}) == (denied,)


def test_ufw() -> None:
    looks = {
        "/etc/ufw/ufw.conf": "# on\nENABLED=yes",
        "/etc/default/ufw": 'IPT_SYSCTL="/etc/ufw/sysctl.conf"',
        "/etc/ufw/sysctl.conf": "net/ipv4/tcp_sack=1\nnet/netfilter/nf_conntrack_max=9\n",
    }
    assert found(looks) == (
        Changer(
            "ufw",
            MAX,
            9,
            Evidence("/etc/ufw/sysctl.conf:2", "net/netfilter/nf_conntrack_max=9"),
            "applied when ufw starts",
        ),
    )
    assert found({**looks, "/etc/ufw/ufw.conf": "ENABLED=no"}) == ()


def test_tuned_with_a_profile_that_includes_another() -> None:
    looks = {
        "/etc/tuned/active_profile": "ours",
        "/etc/tuned/ours/tuned.conf": "[main]\ninclude=throughput\n[sysctl]\nvm.swappiness=1",
        "/usr/lib/tuned/throughput/tuned.conf": (
            f"[main]\nsummary={MAX}=1\n[sysctl]\n{MAX}=1\n{MAX} = 2\n[vm]\n{MAX}=3"
        ),
    }
    assert found(looks) == (
        Changer(
            "tuned profile throughput",
            MAX,
            2,
            Evidence("/usr/lib/tuned/throughput/tuned.conf:5", f"{MAX} = 2"),
            "applied when tuned starts; no sysctl file has it",
        ),
    )
    looks["/etc/tuned/tuned-main.conf"] = "reapply_sysctl = 0"
    assert found(looks)[0].note == "applied when tuned starts"


@pytest.mark.parametrize(
    ("service", "path", "line"),
    [
        ("firewalld", "/etc/firewalld/firewalld.conf", "CleanupModulesOnExit=yes"),
        ("iptables", "/etc/sysconfig/iptables-config", 'IPTABLES_MODULES_UNLOAD="yes"'),
    ],
)
def test_firewalls_that_unload_the_module(service: str, path: str, line: str) -> None:
    looks = {path: line, f"link {WANTS}/{service}.service": f"/lib/{service}.service"}
    (changer,) = found(looks)
    assert (changer.setting, changer.value, changer.evidence, changer.note) == (
        "",
        None,
        Evidence(f"{path}:1", line),
        "unloads the module when it stops or restarts: its defaults come back",
    )
    assert found(looks, loadable=False) == ()
    assert found({path: line}) == ()
    assert found({**looks, path: line.replace("yes", "no")}) == ()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"sysctl -w {MAX}=9", 9),
        (f"  - [ sysctl, -w, '{MAX}=9' ]", 9),
        (f"  {MAX} = 0x10", 16),
        ("echo 9 > /proc/sys/net/netfilter/nf_conntrack_max", 9),
        ("echo $N > /proc/sys/net/nf_conntrack_max", None),
        (f"sysctl -w {MAX}=$((1 << 20))", None),
    ],
)
def test_lines_of_start_up_scripts(line: str, value: int | None) -> None:
    looks = {"/etc/rc.local": f"#!/bin/sh\n# {MAX}=1\n{line}\nexit 0"}
    place = Evidence("/etc/rc.local:3", line.strip())
    assert found(looks) == (Changer("rc.local", MAX, value, place, "if this line is run"),)


def test_cloud_init() -> None:
    line = f"  - sysctl -w {MAX}=9"
    looks = {
        "/etc/cloud/cloud.cfg.d/50.cfg": f"#cloud-config\nbootcmd:\n{line}",
        "/etc/cloud/cloud.cfg.d/README": line,
        "/var/lib/cloud/scripts/per-boot/tune": f"#!/bin/sh\nsysctl -w {MAX}=8",
    }
    assert [(c.who, c.value, c.evidence.source) for c in found(looks)] == [
        ("cloud-init", 9, "/etc/cloud/cloud.cfg.d/50.cfg:3"),
        ("cloud-init", 8, "/var/lib/cloud/scripts/per-boot/tune:2"),
    ]
