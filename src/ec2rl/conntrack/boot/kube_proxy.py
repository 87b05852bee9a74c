"""What kube-proxy makes of the table when it starts: its own formula, over whatever was set.

getConntrackMax() and setIntSysCtl() in Kubernetes' cmd/kube-proxy/app/{server_linux,conntrack}.go,
and in 1.36 pkg/proxy/conntrack/sysctls.go: max = maxPerCore x CPUs, at least min; maxPerCore 0
leaves it alone; buckets become max / 4 where they are fewer. Where a larger value is there already:

- to 1.22, and from 1.29 to 1.35, it is lowered (pull requests 103174 and 120448);
- from 1.23 to 1.28 nothing is lowered;
- since 1.36 max is at most 1048576 (137002), and since 1.38 it is not lowered, nor in later
  releases of 1.36 and 1.37 (142035); timeouts are.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.conntrack.boot.kube_told import Given, kube_proxies
from ec2rl.conntrack.defaults import MAX, PREFIX
from ec2rl.facts.sysctl_conf import kernel_int
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.next_boot.setting import Changer, Lowers

DEFAULTS = {
    "maxPerCore": "32768",
    "min": "131072",
    "tcpEstablishedTimeout": "24h0m0s",
    "tcpCloseWaitTimeout": "1h0m0s",
}
TIMEOUTS = {
    "tcpEstablishedTimeout": "tcp_timeout_established",
    "tcpCloseWaitTimeout": "tcp_timeout_close_wait",
    "udpTimeout": "udp_timeout",
    "udpStreamTimeout": "udp_timeout_stream",
}
CAP = 1 << 20
"""Version 1.36 and later give no more by themselves."""


def kube_proxy(host: Host) -> Iterator[Changer | Unreadable]:
    """Yield the settings that kube-proxy changes here; nothing on a host that starts none."""
    for given in kube_proxies(host):
        if isinstance(given, Unreadable):
            yield given
        elif given.missing:
            yield from _untold(given)
        else:
            yield from _maximum(host, given)
            yield from _timeouts(given)


def _untold(given: Given) -> Iterator[Changer]:
    """What a kube-proxy may change whose configuration cannot be read."""
    words = "32768 x CPUs, at least 131072, where it is told nothing else"
    yield Changer(given.who, MAX, None, given.source, f"{given.missing}; {words}")
    for name in ("tcpEstablishedTimeout", "tcpCloseWaitTimeout"):
        note = f"{given.missing}; {DEFAULTS[name]} where it is told nothing else"
        yield Changer(given.who, PREFIX + TIMEOUTS[name], None, given.source, note)


def _text_of(given: Given, name: str) -> tuple[str, Evidence]:
    return given.values.get(name, (DEFAULTS.get(name, ""), given.source))


def _maximum(host: Host, given: Given) -> Iterator[Changer]:
    per_core, place = _text_of(given, "maxPerCore")
    least = kernel_int(_text_of(given, "min")[0])
    each = kernel_int(per_core)
    if each == 0:
        return
    cpus = _cpus(host)
    value = None
    if each is not None and least is not None and cpus is not None:
        value = max(each * cpus, least)
    count = "" if cpus is None else f"{cpus} "
    note = f"maxPerCore {per_core} x {count}CPUs, at least {_text_of(given, 'min')[0]}"
    note += "; buckets become max / 4 where they are fewer"
    if value is not None and value > CAP and (given.version or (1, 36)) >= (1, 36):
        note += f"; from version 1.36 no more than {CAP}"
        value = CAP if given.version else None
    lowers = Lowers.ALWAYS if given.sets_always else _lowers_max(given.version)
    if lowers is Lowers.UNKNOWN:
        note += "; versions 1.23 to 1.28, and since 1.38, leave a larger value"
    yield Changer(given.who, MAX, value, place, note, lowers)


def _timeouts(given: Given) -> Iterator[Changer]:
    lowers = _lowers(given.version)
    for name, setting in TIMEOUTS.items():
        text, place = _text_of(given, name)
        seconds = _seconds(text)
        always = given.sets_always and name in DEFAULTS
        if text and seconds != 0:
            yield Changer(
                given.who,
                PREFIX + setting,
                seconds,
                place,
                f"{name} {text}",
                Lowers.ALWAYS if always else lowers,
            )


def _lowers(version: tuple[int, int] | None) -> Lowers:
    """Whether this version lowers a value, but for max since 1.36."""
    if version is None:
        return Lowers.UNKNOWN
    return Lowers.NEVER if (1, 23) <= version < (1, 29) else Lowers.ALWAYS


def _lowers_max(version: tuple[int, int] | None) -> Lowers:
    if version is not None and version >= (1, 36):
        return Lowers.UNKNOWN if version < (1, 38) else Lowers.NEVER
    return _lowers(version)


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
