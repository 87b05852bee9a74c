"""The udev rule that applies the sysctl files again when nf_conntrack is loaded.

sysctl.d(5) gives it as an example. Before Linux 5.12 the event came before the keys existed, so
that it worked only now and then (commit 38dc717e9715, taken back by some stable kernels).
"""

from __future__ import annotations

from ec2rl.conntrack.boot.load import MODULE
from ec2rl.facts import conf_files, glob
from ec2rl.facts.sysctl_conf import normalize
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record


@record(frozen=True)
class Reapplied:
    """A rule that runs something when the module comes; `computed` if that is systemd-sysctl.

    `prefixes` are the paths below /proc/sys that it is limited to; none means all.
    """

    place: Evidence
    computed: bool
    prefixes: tuple[str, ...]


def reapplied(host: Host) -> Reapplied | Unreadable | None:
    """The rule for nf_conntrack, if there is one."""
    unread: Unreadable | None = None
    for item in conf_files.merged(host, conf_files.folders("udev/rules.d"), ".rules"):
        if isinstance(item, Unreadable):
            unread = item
            continue
        if "nf_conntrack" not in item.text:
            continue
        for number, line in enumerate(item.text.replace("\\\n", "  ").split("\n"), 1):
            rule = line.strip()
            if rule.startswith("#") or "RUN" not in rule or not _meets(rule):
                continue
            words = rule.replace('"', " ").replace(",", " ").split()
            prefixes = tuple(
                normalize(word.partition("=")[2]) for word in words if word.startswith("--prefix=")
            )
            plain = any(word.endswith("/systemd-sysctl") for word in words)
            return Reapplied(Evidence(f"{item.source}:{number}", rule), plain, prefixes)
    return unread


def _meets(rule: str) -> bool:
    """Whether a rule is for the module itself: KERNEL=="..." holds patterns between bars."""
    _, found, rest = rule.replace(" ", "").partition('KERNEL=="')
    patterns = rest.partition('"')[0].split("|")
    removed = 'ACTION=="remove"' in rule
    return bool(found) and not removed and any(glob.matches(one, MODULE) for one in patterns)
