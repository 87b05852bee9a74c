"""What the kube-proxy of a host is told, and where: a process, a unit, a pod, or inside another.

k3s and RKE2 (pkg/agent/syssetup and getConntrackConfig() of k3s) set the values themselves, with
kube-proxy's flags and defaults, also with kube-proxy disabled, and lower what is larger; MicroK8s
keeps the flags in a file; k0s (pkg/component/controller/kubeproxy.go) gives its DaemonSet
maxPerCore 0 and the default timeouts. EKS and kubeadm start a DaemonSet, whose configuration the
kubelet lays out on the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ec2rl.conntrack.boot.kube_config import FLAGS, config_values, flag_values, k3s_values
from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.openrc import openrc_services
from ec2rl.next_boot.shell import commands
from ec2rl.next_boot.units import Service, command_of, services
from ec2rl.record import record

FOLDERS = (
    "/etc/kubernetes",
    "/var/lib/kubelet",
    "/var/lib/kube-proxy",
    "/var/lib/rancher",
    "/var/lib/k0s",
    "/var/snap/microk8s",
)
"""Where one of these is, a process is looked for."""

MANIFESTS = ("/etc/kubernetes/manifests", "/var/lib/rancher/rke2/agent/pod-manifests")
PODS = (
    "/var/lib/kubelet/pods",
    "/var/lib/k0s/kubelet/pods",
    "/var/snap/microk8s/common/var/lib/kubelet/pods",
)
VOLUMES = ("kube-proxy", "kube-proxy-config", "config")
CONFIGS = ("/var/lib/kube-proxy/config.conf", "/var/lib/kube-proxy-config/config")
MICROK8S = "/var/snap/microk8s/current/args/kube-proxy"
MICROK8S_SNAP = "/snap/microk8s/current/meta/snap.yaml"

MAX_PIDS = 20_000
MAX_PODS = 1_000
MAX_MANIFESTS = 100

_NAMED = r"kube-proxy[\w.-]{0,40}[:@]|/kube-proxy\b"
"""How a static pod names its image or its program."""

_VERSION = r"\bv(\d{1,3})\.(\d{1,3})\."


@record(frozen=True)
class Given:
    """What kube-proxy is told: texts by the names of its configuration, each with its place.

    `missing` says why they are not known; `sets_always`, that a larger value is lowered whatever
    the `version` (None: not known).
    """

    values: Mapping[str, tuple[str, Evidence]]
    source: Evidence
    who: str = "kube-proxy"
    version: tuple[int, int] | None = None
    sets_always: bool = False
    missing: str = ""


def kube_proxies(host: Host) -> Iterator[Given | Unreadable]:
    """Yield the first that there is.

    A process, units, static pods, MicroK8s, pods, a kubelet.
    """
    running = _processes(host)
    kubelet: Given | None = None
    found = False
    for one in running.get("kube-proxy", ()):
        yield from _process(host, *one)
        return
    for given in _units(host):
        if isinstance(given, Given) and given.who == _KUBELET:
            kubelet = kubelet or given
        else:
            found |= isinstance(given, Given)
            yield given
    for source in (_static_pods, _microk8s, _pods, _files):
        if found:
            return
        for given in source(host):
            found |= isinstance(given, Given)
            yield given
    if not found and kubelet is not None and "kubelet" not in running:
        yield kubelet


_PROGRAMS = ("kube", "k3s", "rke2", "k0s")
_KUBELET = "kube-proxy, if kubelet starts one,"


def _processes(host: Host) -> dict[str, list[tuple[str, list[str]]]]:
    """The processes of these names, with their words, where Kubernetes is."""
    if not any(isinstance(host.names(folder), tuple) for folder in FOLDERS):
        return {}
    found: dict[str, list[tuple[str, list[str]]]] = {}
    pids = host.names("/proc")
    for pid in [name for name in pids if name.isdecimal()] if isinstance(pids, tuple) else ():
        line = host.read(f"/proc/{pid}/cmdline")
        words = line.text.rstrip("\n").split("\0") if isinstance(line, Evidence) else [""]
        name = words[0].rpartition("/")[2]
        if name in ("kube-proxy", "kubelet") and len(found) < MAX_PIDS:
            found.setdefault(name, []).append((pid, words))
    return found


def _process(host: Host, pid: str, words: list[str]) -> Iterator[Given | Unreadable]:
    place = Evidence(f"/proc/{pid}/cmdline", " ".join(words).strip()[:200])
    # Its own view of the file system.
    yield from _told(host, words[1:], Given({}, place), f"/proc/{pid}/root")


def _told(
    host: Host, words: Sequence[str], given: Given, root: str = ""
) -> Iterator[Given | Unreadable]:
    """What flags say, or where `--config` names one, the file; then the flags do not count."""
    flags, config = flag_values(words, given.source)
    if config:
        text = conf_files.read(host, f"{root}{config}")
        if isinstance(text, Evidence):
            yield _with(given, *config_values(text))
            return
        yield text or Unreadable(f"{root}{config}", Why.ABSENT)
        yield _without(given, f"its configuration {config} could not be read")
        return
    hidden = next((word for word in words if word[:1] in ("$", "{") or "=$" in word), "")
    yield _without(given, f"{hidden} is not known") if hidden else _with(given, flags)


def _with(
    given: Given, values: Mapping[str, tuple[str, Evidence]], place: Evidence | None = None
) -> Given:
    return Given(values, place or given.source, given.who, given.version, given.sets_always)


def _without(given: Given, why: str) -> Given:
    return Given({}, given.source, given.who, given.version, given.sets_always, why)


# Units.


def _units(host: Host) -> Iterator[Given | Unreadable]:
    """kube-proxy, k3s, RKE2, k0s and the kubelet as services; what of units is not read is told
    by those who look at all of them."""
    for service in (*services(host), *openrc_services(host)):
        if not isinstance(service, Service):
            continue
        for line in service.lines:
            if not any(name in line.text for name in _PROGRAMS):
                continue
            told = commands(command_of(line), service.variables, operators=False)
            # `$NAME` alone stands for several words, and so does what a shell is given.
            words = " ".join(word.text for one in told for word in one.words).split()
            yield from _unit(host, service, line, words)


def _unit(
    host: Host, service: Service, line: Evidence, words: list[str]
) -> Iterator[Given | Unreadable]:
    names = [word.rpartition("/")[2].lstrip("@-+!:|") for word in words]
    place = Evidence(line.source, line.text[:200])
    given = Given({}, place, service.name)
    if "kube-proxy" in names:
        yield from _told(host, words[names.index("kube-proxy") + 1 :], given)
    elif "hyperkube" in names and "proxy" in names:
        yield from _told(host, words[names.index("proxy") + 1 :], given)
    elif names[:1] in (["k3s"], ["rke2"]):
        flags = words[1:]
        files = (service.variables.get(f"{names[0].upper()}_CONFIG_FILE", ""), names[0])
        values = k3s_values(host, flags, place, *files)
        if isinstance(values, Unreadable):
            yield values
            yield Given({}, place, service.name, None, True, f"{values.source} is not read")
        elif values is not None:
            yield Given(values, place, service.name, None, True)
    elif names[:1] == ["k0s"]:
        is_worker = "worker" in words or any(
            "--enable-worker" in w or w == "--single" for w in words
        )
        if is_worker and not any("kube-proxy" in word for word in words):
            yield from _k0s(host, given)
    elif names[:1] == ["kubelet"]:
        why = "what it is told is not on this host"
        yield Given({}, place, _KUBELET, missing=why)


def _k0s(host: Host, given: Given) -> Iterator[Given | Unreadable]:
    found = [one for one in _pods(host) if isinstance(one, Given)]
    yield from found or [_with(given, {"maxPerCore": ("0", given.source)})]


# Pods.


def _static_pods(host: Host) -> Iterator[Given | Unreadable]:
    for folder in MANIFESTS:
        names = host.names(folder)
        for name in names[:MAX_MANIFESTS] if isinstance(names, tuple) else ():
            text = conf_files.read(host, f"{folder}/{name}")
            if isinstance(text, Unreadable):
                if "proxy" in name:
                    yield text
            elif text is not None and re.search(_NAMED, text.text):
                yield from _static_pod(host, text)


def _static_pod(host: Host, text: Evidence) -> Iterator[Given | Unreadable]:
    image = re.search(rf"kube-proxy[\w.-]{{0,40}}:{_VERSION}", text.text)
    version = (int(image[1]), int(image[2])) if image else None
    words = re.split(r"[\s\"',\[\]]+", text.text)
    flags = [word for word in words if word.startswith("--")]
    first = next((word for word in flags if word.partition("=")[0] in FLAGS), "")
    line = text.text[: text.text.find(first)].count("\n") + 1 if first else 1
    place = Evidence(f"{text.source}:{line}", first or "kube-proxy")
    yield from _told(host, words, Given({}, place, "kube-proxy, a static pod,", version))


def _microk8s(host: Host) -> Iterator[Given | Unreadable]:
    text = conf_files.read(host, MICROK8S)
    if isinstance(text, Unreadable):
        yield text
    elif text is not None:
        snap = conf_files.text(host, MICROK8S_SNAP)
        said = re.search(rf"(?m)^version: *['\"]?{_VERSION}", getattr(snap, "text", ""))
        version = (int(said[1]), int(said[2])) if said else None
        place = Evidence(text.source, "")
        given = Given({}, place, "MicroK8s' kube-proxy", version)
        lines = [line for line in text.text.split("\n") if line[:1] != "#"]
        yield from _told(host, [w for w in " ".join(lines).split() if "$" not in w], given)


def _pods(host: Host) -> Iterator[Given | Unreadable]:
    """The pod of a DaemonSet, as the kubelet lays it out on the host, with its configuration."""
    for root in PODS:
        pods = host.names(root)
        for pod in pods[:MAX_PODS] if isinstance(pods, tuple) else ():
            for path in _pod_configs(host, f"{root}/{pod}"):
                text = conf_files.read(host, path)
                if isinstance(text, Unreadable):
                    yield text
                elif text is not None:
                    yield _with(Given({}, text), *config_values(text))
                    return
            containers = host.names(f"{root}/{pod}/containers")
            if isinstance(containers, tuple) and "kube-proxy" in containers:
                place = Evidence(f"{root}/{pod}/containers/kube-proxy", "")
                yield Given({}, place, missing="its flags are not on this host")
                return


def _pod_configs(host: Host, pod: str) -> Iterator[str]:
    for volume in VOLUMES:
        folder = f"{pod}/volumes/kubernetes.io~configmap/{volume}"
        names = host.names(folder)
        for name in ("config.conf", "config"):
            if isinstance(names, tuple) and name in names:
                yield f"{folder}/{name}"


def _files(host: Host) -> Iterator[Given | Unreadable]:
    for path in CONFIGS:
        text = conf_files.read(host, path)
        if isinstance(text, Unreadable):
            yield text
        elif text is not None:
            yield _with(Given({}, text), *config_values(text))
            return
