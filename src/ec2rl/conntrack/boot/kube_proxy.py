"""What kube-proxy makes of the table when it starts: its own formula, over whatever was set.

cmd/kube-proxy/app/conntrack.go and server_linux.go, getConntrackMax(): max = maxPerCore x CPUs,
at least min, maxPerCore 0 leaves it alone; buckets become max / 4 where they are fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ec2rl.conntrack.boot.keys import MAX
from ec2rl.conntrack.defaults import PREFIX
from ec2rl.facts import conf_files
from ec2rl.facts.sysctl_conf import kernel_int
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.setting import Changer
from ec2rl.record import record

PODS = "/var/lib/kubelet/pods"
VOLUMES = ("kube-proxy", "kube-proxy-config", "config")
CONFIGS = ("/var/lib/kube-proxy/config.conf", "/var/lib/kube-proxy-config/config")
FOLDERS = ("/etc/kubernetes", "/var/lib/kubelet", "/var/lib/kube-proxy", "/var/lib/rancher")
MAX_PIDS = 20_000
MAX_PODS = 1_000

DEFAULTS = {
    "maxPerCore": "32768",
    "min": "131072",
    "tcpEstablishedTimeout": "24h0m0s",
    "tcpCloseWaitTimeout": "1h0m0s",
}
FLAGS = {
    "--conntrack-max-per-core": "maxPerCore",
    "--conntrack-min": "min",
    "--conntrack-tcp-timeout-established": "tcpEstablishedTimeout",
    "--conntrack-tcp-timeout-close-wait": "tcpCloseWaitTimeout",
    "--conntrack-udp-timeout": "udpTimeout",
    "--conntrack-udp-timeout-stream": "udpStreamTimeout",
}
TIMEOUTS = {
    "tcpEstablishedTimeout": "tcp_timeout_established",
    "tcpCloseWaitTimeout": "tcp_timeout_close_wait",
    "udpTimeout": "udp_timeout",
    "udpStreamTimeout": "udp_timeout_stream",
}
CAP = 1 << 20
"""Version 1.36 gives no more by itself (kubernetes pull request 137002)."""


@record(frozen=True)
class Given:
    """What kube-proxy is told: texts by the names of its configuration, each with its place."""

    values: Mapping[str, tuple[str, Evidence]]
    source: Evidence


def kube_proxy(host: Host) -> Iterator[Changer | Unreadable]:
    """The settings that kube-proxy changes here; nothing on a host without Kubernetes."""
    if not any(isinstance(host.names(folder), tuple) for folder in FOLDERS):
        return
    for given in _found(host):
        if isinstance(given, Unreadable):
            yield given
        else:
            yield from _changes(host, given)
            return


def _found(host: Host) -> Iterator[Given | Unreadable]:
    """The first that is there of: the running process, its configuration files."""
    pids = host.names("/proc")
    if isinstance(pids, tuple):
        for pid in [name for name in pids if name.isdecimal()][:MAX_PIDS]:
            line = host.read(f"/proc/{pid}/cmdline")
            if isinstance(line, Evidence):
                words = line.text.rstrip("\n").split("\0")
                if words[0].rpartition("/")[2] == "kube-proxy":
                    yield from _process(host, pid, words)
                    return
    for path in (*CONFIGS, *_pod_configs(host)):
        text = conf_files.read(host, path)
        if isinstance(text, Unreadable):
            yield text
        elif text is not None:
            yield _config(text)
            return


def _pod_configs(host: Host) -> Iterator[str]:
    """The configuration map of the kube-proxy pod, as the kubelet lays it out on the host."""
    pods = host.names(PODS)
    if isinstance(pods, tuple):
        for pod in pods[:MAX_PODS]:
            for volume in VOLUMES:
                folder = f"{PODS}/{pod}/volumes/kubernetes.io~configmap/{volume}"
                names = host.names(folder)
                for name in ("config.conf", "config"):
                    if isinstance(names, tuple) and name in names:
                        yield f"{folder}/{name}"


def _process(host: Host, pid: str, words: list[str]) -> Iterator[Given | Unreadable]:
    place = Evidence(f"/proc/{pid}/cmdline", " ".join(words).strip()[:200])
    flags: dict[str, tuple[str, Evidence]] = {}
    for at, word in enumerate(words[1:], 1):
        name, equals, value = word.partition("=")
        if not equals and at + 1 < len(words):
            value = words[at + 1]
        if name == "--config":
            # Its own view of the file system; with a file, the flags do not count.
            text = conf_files.read(host, f"/proc/{pid}/root{value}")
            missing = Unreadable(f"/proc/{pid}/root{value}", Why.ABSENT)
            yield _config(text) if isinstance(text, Evidence) else text or missing
            return
        if name in FLAGS:
            flags[FLAGS[name]] = (value, place)
    yield Given(flags, place)


def _config(text: Evidence) -> Given:
    """The `conntrack:` part of a KubeProxyConfiguration in YAML, or in JSON of one value a line."""
    values: dict[str, tuple[str, Evidence]] = {}
    depth: int | None = None
    start = Evidence(text.source, "")
    for number, line in enumerate(text.text.split("\n"), 1):
        bare = line.strip().rstrip(",{").strip()
        indent = len(line) - len(line.lstrip())
        name, colon, value = bare.replace('"', "").partition(":")
        if depth is not None:
            if bare and indent <= depth:
                break
            if colon:
                place = Evidence(f"{text.source}:{number}", line.strip())
                values[name.strip()] = (value.strip(), place)
        elif name.strip() == "conntrack" and colon and not value.strip():
            depth, start = indent, Evidence(f"{text.source}:{number}", line.strip())
    return Given({k: v for k, v in values.items() if v[0] not in ("", "null", "~")}, start)


def _changes(host: Host, given: Given) -> Iterator[Changer]:
    def text_of(name: str) -> tuple[str, Evidence]:
        return given.values.get(name, (DEFAULTS.get(name, ""), given.source))

    per_core, place = text_of("maxPerCore")
    least = kernel_int(text_of("min")[0])
    each = kernel_int(per_core)
    if each != 0:
        cpus = _cpus(host)
        value = None
        if each is not None and least is not None and cpus is not None:
            value = max(each * cpus, least)
        count = "?" if cpus is None else str(cpus)
        note = f"maxPerCore {per_core} x {count} CPUs, at least {text_of('min')[0]}"
        note += "; buckets become max / 4 where they are fewer"
        if value is not None and value > CAP:
            note += f"; from version 1.36 no more than {CAP}"
            value = None
        yield Changer("kube-proxy", MAX, value, place, note)
    for name, setting in TIMEOUTS.items():
        text, place = text_of(name)
        seconds = _seconds(text)
        if text and seconds != 0:
            yield Changer("kube-proxy", PREFIX + setting, seconds, place, f"{name} {text}")


def _cpus(host: Host) -> int | None:
    """How many CPUs are online, from a list such as `0-3,8`."""
    online = host.read("/sys/devices/system/cpu/online")
    if isinstance(online, Unreadable):
        return None
    total = 0
    for part in online.text.strip().split(","):
        first, _, last = part.partition("-")
        low, high = kernel_int(first), kernel_int(last or first)
        if low is None or high is None or high < low:
            return None
        total += high - low + 1
    return total


def _seconds(text: str) -> int | None:
    """A duration as Go writes it, such as `1h0m0s`, in whole seconds; None for another text."""
    total, digits = 0, ""
    for sign in text:
        if sign.isdecimal() and sign.isascii() and len(digits) < 9:
            digits += sign
        elif digits and sign in "hms":
            total += int(digits) * {"h": 3600, "m": 60, "s": 1}[sign]
            digits = ""
        else:
            return None
    return total if text and (not digits or text == "0") else None
