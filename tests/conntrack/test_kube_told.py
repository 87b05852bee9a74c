"""Where a kube-proxy is told its limits, and whether its version lowers what is set."""

from __future__ import annotations

import time

import pytest

from ec2rl.conntrack.boot.kube_proxy import kube_proxy
from ec2rl.conntrack.boot.settings import boot_settings
from ec2rl.conntrack.defaults import MAX, PREFIX
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable, Why
from ec2rl.next_boot.setting import Changer, Lowers
from support.booted import EARLY

ESTABLISHED = PREFIX + "tcp_timeout_established"
CPUS = {"/sys/devices/system/cpu/online": "0-7"}
UNITS = "/etc/systemd/system"
MANIFEST = "/etc/kubernetes/manifests/kube-proxy.yaml"


def told(*parts: dict[str, str]) -> dict[str, tuple[str, object, str]]:
    looks: dict[str, str] = dict(CPUS)
    for part in parts:
        looks.update(part)
    found = list(kube_proxy(RecordedHost(looks)))
    return {
        one.setting: (one.who, one.value, one.evidence.source)
        for one in found
        if isinstance(one, Changer)
    }


def unit(name: str, line: str) -> dict[str, str]:
    path = f"{UNITS}/{name}.service"
    wanted = f"link {UNITS}/multi-user.target.wants/{name}.service"
    return {wanted: path, path: f"[Service]\nExecStart={line}"}


PROXY = "/usr/local/bin/kube-proxy"
FLAGS = "--conntrack-min=300000 --conntrack-max-per-core=10"


@pytest.mark.parametrize(
    ("looks", "value"),
    [
        (unit("kube-proxy", PROXY), 262144),
        (unit("kube-proxy", f"{PROXY} \\\n  {FLAGS}"), 300000),
        (unit("proxy", f"{PROXY} --conntrack-min 300000 --conntrack-max-per-core 10"), 300000),
        (unit("kube-proxy", f"{PROXY} --conntrack_min=300000 --conntrack_max_per_core=1"), 300000),
        (unit("hyper", f"/opt/hyperkube proxy {FLAGS}"), 300000),
        (unit("run", f"/usr/bin/docker run --net=host img {PROXY} {FLAGS}"), 300000),
        (unit("run", f"/bin/sh -c 'exec {PROXY} {FLAGS} 2>&1'"), 300000),
        ({**unit("kube-proxy", f"{PROXY} $ARGS\nEnvironmentFile=/etc/kubernetes/proxy"),
          "/etc/kubernetes/proxy": f'ARGS="{FLAGS}"'}, 300000),
        ({**unit("kube-proxy", f"{PROXY} --config=/opt/p.yaml --conntrack-min=1"),
          "/opt/p.yaml": "conntrack:\n  maxPerCore: 50000"}, 400000),
        (unit("kube-proxy", f"{PROXY} $ARGS"), None),
        (unit("kube-proxy", f"{PROXY} --config=/opt/p.yaml"), None),
    ],
)  # fmt: skip
def test_a_unit(looks: dict[str, str], value: int | None) -> None:
    assert told(looks)[MAX][1] == value


def test_a_unit_that_leaves_the_table_alone() -> None:
    assert MAX not in told(unit("kube-proxy", f"{PROXY} --conntrack-max-per-core=0"))
    assert told({f"{UNITS}/kube-proxy.service": f"ExecStart={PROXY}"}) == {}


def test_a_volume_that_does_not_tell_how_many_processors() -> None:
    found = kube_proxy(RecordedHost(unit("kube-proxy", PROXY)))
    first = next(one for one in found if isinstance(one, Changer))
    assert (first.who, first.value) == ("kube-proxy.service", None)
    assert first.note.startswith("maxPerCore 32768 x CPUs, at least 131072; ")


POD = """\
spec:
  containers:
  - image: registry.k8s.io/kube-proxy:v1.{minor}.4
    command: ["kube-proxy", "--conntrack-max-per-core=131072"]
"""


@pytest.mark.parametrize("path", [MANIFEST, "/var/lib/rancher/rke2/agent/pod-manifests/p.yaml"])
def test_a_static_pod(path: str) -> None:
    assert told({path: POD.format(minor=28)})[MAX] == (
        "kube-proxy, a static pod,",
        1048576,
        f"{path}:4",
    )


@pytest.mark.parametrize(
    ("minor", "lowers", "lowers_timeouts"),
    [
        (10, Lowers.ALWAYS, Lowers.ALWAYS),
        (22, Lowers.ALWAYS, Lowers.ALWAYS),
        (23, Lowers.NEVER, Lowers.NEVER),
        (28, Lowers.NEVER, Lowers.NEVER),
        (29, Lowers.ALWAYS, Lowers.ALWAYS),
        (35, Lowers.ALWAYS, Lowers.ALWAYS),
        (36, Lowers.UNKNOWN, Lowers.ALWAYS),
        (38, Lowers.NEVER, Lowers.ALWAYS),
    ],
)
def test_which_versions_lower(minor: int, lowers: Lowers, lowers_timeouts: Lowers) -> None:
    host = RecordedHost({**CPUS, MANIFEST: POD.format(minor=minor)})
    found = {one.setting: one for one in kube_proxy(host) if isinstance(one, Changer)}
    assert (found[MAX].lowers, found[ESTABLISHED].lowers) == (lowers, lowers_timeouts)


@pytest.mark.parametrize(
    ("minor", "set_to", "left"),
    [
        (22, 2000000, 1048576),
        (28, 2000000, 2000000),
        (28, 65536, 1048576),
        (33, 2000000, 1048576),
        (36, 2000000, None),
        (36, 65536, 1048576),
        (38, 2000000, 2000000),
    ],
)
def test_what_a_version_leaves_of_a_value(minor: int, set_to: int, left: int | None) -> None:
    looks = {**EARLY, **CPUS, MANIFEST: POD.format(minor=minor)}
    host = RecordedHost({**looks, "/etc/sysctl.d/a.conf": f"{MAX}={set_to}"})
    setting = boot_settings(host).setting(MAX)
    assert setting is not None
    assert [one.value for one in setting.changers] == [left]


def test_since_1_36_there_is_a_limit() -> None:
    many = {"/sys/devices/system/cpu/online": "0-63"}
    assert told({MANIFEST: POD.format(minor=35)}, many)[MAX][1] == 8388608
    assert told({MANIFEST: POD.format(minor=36)}, many)[MAX][1] == 1048576


K3S = "/etc/rancher/k3s/config.yaml"


@pytest.mark.parametrize(
    ("line", "more", "value"),
    [
        ("k3s server", {}, 262144),
        ("k3s agent \\\n '--kube-proxy-arg=conntrack-min=400000'", {}, 400000),
        ("k3s server --kube-proxy-arg conntrack-max-per-core=50000", {}, 400000),
        ("k3s server --disable-kube-proxy", {}, 262144),
        ("rke2 server", {"/etc/rancher/rke2/config.yaml": "kube-proxy-arg: conntrack-min=400000"},
         400000),
        ("k3s server", {K3S: 'kube-proxy-arg:\n  - "conntrack-min=400000"\n'}, 400000),
        ("k3s server", {K3S: "kube-proxy-arg: [v=2, conntrack-min=400000]"}, 400000),
        ("k3s server", {K3S: "kube-proxy-arg:\n- conntrack-min=1\n",
                        f"{K3S}.d/a.yaml": "kube-proxy-arg:\n- conntrack-min=400000\n"}, 400000),
        ("k3s server", {K3S: "kube-proxy-arg:\n- conntrack-min=400000\n",
                        f"{K3S}.d/a.yaml": "kube-proxy-arg+:\n- v=2\n"}, 400000),
        ("k3s server -c /opt/c.yaml", {"/opt/c.yaml": "kube-proxy-arg:\n- conntrack-min=400000"},
         400000),
        ("k3s server", {K3S: "!denied needs root"}, None),
    ],
)  # fmt: skip
def test_inside_k3s_and_rke2(line: str, more: dict[str, str], value: int | None) -> None:
    found = told(unit("kube", f"/usr/local/bin/{line}"), more)[MAX]
    assert found[:2] == ("kube.service", value)


def test_inside_k3s_with_openrc() -> None:
    script = """#!/sbin/openrc-run
command="/usr/local/bin/k3s"
command_args="server \\
    '--kube-proxy-arg=conntrack-min=400000' \\
    >>/var/log/k3s.log 2>&1"
"""
    looks = {"/etc/init.d/k3s": script, "ls /etc/runlevels/default": "k3s\nsshd"}
    assert told(looks, {"ls /sbin": "openrc"})[MAX] == ("k3s", 400000, "/etc/init.d/k3s")
    assert told(looks) == {}


def test_k3s_lowers_whatever_its_version() -> None:
    host = RecordedHost({**EARLY, **CPUS, **unit("k3s", "/usr/local/bin/k3s server"),
                     "/etc/sysctl.d/a.conf": f"{MAX}=2000000"})  # fmt: skip
    setting = boot_settings(host).setting(MAX)
    assert setting is not None
    assert [(one.who, one.value) for one in setting.changers] == [("k3s.service", 262144)]


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("k3s server --disable-agent", {}),
        ("k3s agent --rootless", {}),
        ("k3s server", {K3S: "disable-agent: true"}),
        ("k3s server --kube-proxy-arg=conntrack-max-per-core=0", {}),
    ],
)
def test_k3s_that_leaves_the_limit_alone(line: str, more: dict[str, str]) -> None:
    assert MAX not in told(unit("k3s", f"/usr/local/bin/{line}"), more)


def test_inside_microk8s() -> None:
    args = "/var/snap/microk8s/current/args/kube-proxy"
    looks = {
        args: "--kubeconfig=${SNAP_DATA}/proxy.config\n# --conntrack-min=1\n--conntrack-min=400000"
    }
    assert told(looks)[MAX] == ("MicroK8s' kube-proxy", 400000, args)
    host = RecordedHost(
        {**CPUS, **looks, "/snap/microk8s/current/meta/snap.yaml": "version: v1.28.3"}
    )
    first = next(one for one in kube_proxy(host) if isinstance(one, Changer))
    assert first.lowers is Lowers.NEVER


def test_inside_k0s() -> None:
    looks = unit("k0sworker", "/usr/local/bin/k0s worker --token-file=/etc/k0stoken")
    assert {key: value for key, (_, value, _) in told(looks).items()} == {
        ESTABLISHED: 86400,
        PREFIX + "tcp_timeout_close_wait": 3600,
    }
    assert told(unit("k0scontroller", "/usr/local/bin/k0s controller")) == {}
    pod = "/var/lib/k0s/kubelet/pods/1/volumes/kubernetes.io~configmap/kube-proxy/config.conf"
    assert told(looks, {pod: "conntrack:\n  maxPerCore: 50000"})[MAX][1] == 400000


@pytest.mark.parametrize("root", ["/var/lib/kubelet", "/var/snap/microk8s/common/var/lib/kubelet"])
def test_the_pod_of_a_daemon_set(root: str) -> None:
    """EKS' volume is called config, kubeadm's kube-proxy."""
    for volume, name in (("config", "config"), ("kube-proxy", "config.conf")):
        path = f"{root}/pods/1/volumes/kubernetes.io~configmap/{volume}/{name}"
        assert told({path: "conntrack:\n  maxPerCore: 50000"})[MAX] == (
            "kube-proxy",
            400000,
            f"{path}:2",
        )


def test_a_pod_whose_flags_are_not_on_the_host() -> None:
    looks = {"/var/lib/kubelet/pods/1/containers/kube-proxy/8f2c": ""}
    assert told(looks)[MAX][:2] == ("kube-proxy", None)


def test_a_kubelet_may_start_one() -> None:
    looks = unit("kubelet", "/usr/bin/kubelet $KUBELET_ARGS")
    assert told(looks)[MAX][:2] == ("kube-proxy, if kubelet starts one,", None)
    running = {"ls /etc/kubernetes": "pki", "/proc/7/cmdline": "/usr/bin/kubelet\0--v=2"}
    assert told(looks, running) == {}  # it runs, and has started none


def test_a_manifest_that_is_denied() -> None:
    found = list(kube_proxy(RecordedHost({MANIFEST: "!denied needs root"})))
    assert found == [Unreadable(MANIFEST, Why.DENIED, "needs root")]


@pytest.mark.more
def test_texts_of_strangers_take_no_time() -> None:
    start = time.perf_counter()
    told({MANIFEST: "kube-proxy" * 20_000})
    told({K3S: "- [" * 50_000, **unit("k3s", "k3s server " + "--kube-proxy-arg=a=b " * 5_000)})
    assert time.perf_counter() - start < 5
