"""What is known of connection tracking's settings before any sysctl file, on the kernel that boots.

They come with the module, with sizes that follow from its parameter or from the memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ec2rl.conntrack.boot.keys import is_old_name, paths_of, read_value, setting_of
from ec2rl.conntrack.boot.start import Start, start
from ec2rl.conntrack.defaults import BUCKETS, MAX, PAGE, PAGE_KEYS, PREFIX, SWITCHES, default_value
from ec2rl.facts.proc import version
from ec2rl.facts.sysctl_conf import kernel_int, normalize
from ec2rl.host import Host
from ec2rl.model import Unreadable
from ec2rl.next_boot.module import find_module
from ec2rl.next_boot.presence import Presence, of_module
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Initial, Reading

MODULE = "nf_conntrack"
PARAMETERS = (
    "hashsize",
    "expect_hashsize",
    "acct",
    "tstamp",
    "nf_conntrack_helper",
    "enable_hooks",
)
"""What the module takes, from 4.4 to 7.2; the kernel ignores all others with a log line."""

HASHSIZE = "/sys/module/nf_conntrack/parameters/hashsize"
"""The buckets by another name (nf_conntrack_set_hashsize())."""

ALWAYS = {f"nf_conntrack_{name}" for name in ("max", "count", "buckets", "generic_timeout")}
"""Where these are, the listing is the kernel's own and whole, not a container's or a record's."""


class ConntrackRules(Rules):
    """All settings of connection tracking, by one name each, with numbers for values."""

    def __init__(self, host: Host, asked: Sequence[str] = ()) -> None:
        super().__init__(host, asked)
        self.nf_conntrack = find_module(host, self.release, MODULE, PARAMETERS, "conntrack")
        self._start: Start = start(host, self.release, self.nf_conntrack)
        self._existing, self._complete = _existing(host)
        self._presence = of_module(self.nf_conntrack, self.udev())

    def setting(self, path: str) -> str | None:
        return setting_of(path)

    def name(self, path: str) -> str | None:
        return setting_of(path)

    def wants(self, path: str) -> bool:
        return setting_of(path) is not None

    def named_by(self, word: str) -> str | None:
        return BUCKETS if word == HASHSIZE else setting_of(normalize(word))

    def speaks(self, text: str) -> bool:
        return "conntrack" in text

    def keys(self, named: Collection[str], met: Collection[str]) -> Sequence[str]:
        """Give the settings of the module's page, those asked for, and those that a line names."""
        asked = [key for path in self.asked if (key := setting_of(path))]
        also = sorted({*named, *self.argument_keys()})
        return tuple(dict.fromkeys((*PAGE_KEYS, *asked, *also)))

    def paths(self, key: str) -> tuple[str, ...]:
        return paths_of(key)

    def spreading(self, key: str) -> tuple[str, ...]:
        return ()

    def existing(self, patterns: Sequence[str]) -> Sequence[str]:
        return self._existing

    def exists(self, path: str) -> bool:
        if self._complete:
            return path in self._existing
        found = version(self.release or "")
        return not is_old_name(path) or (found is not None and found < (4, 9))

    def value(self, text: str) -> int | None:
        return kernel_int(text)

    def read(self, key: str, text: str) -> Reading:
        return read_value(key, text, self.release, self._start.page or PAGE)

    def default(self, key: str) -> Initial:
        first, given = self._start, self.nf_conntrack.given
        if key in (MAX, BUCKETS):
            value = None
            if first.sizes is not None:
                value = first.sizes.max if key == MAX else first.sizes.buckets
            return Initial(value, first.because, first.evidence if given else None)
        parameter = {f"{PREFIX}acct": "acct", f"{PREFIX}timestamp": "tstamp"}.get(key)
        for option in reversed(given):
            if option.name == parameter:
                text = option.value[:1].lower()
                value = 1 if text in ("", "1", "y", "t") else 0 if text in ("0", "n", "f") else None
                return Initial(value, f"parameter {parameter}", option.given)
        value = default_value(key, self.release)
        if value is None:
            return Initial(None, "the default of this kernel is not known")
        return Initial(value, "default of this kernel")

    def presence(self, key: str) -> Presence | None:
        return self._presence

    def brings(self, module: str) -> bool:
        return "conntrack" in module

    def warnings(self) -> Sequence[str]:
        return (*self.nf_conntrack.warnings, *super().warnings())

    def unread(self) -> Sequence[Unreadable]:
        return self.nf_conntrack.unread

    def unread_before(self) -> Sequence[Unreadable]:
        return ()

    def unsure(self) -> Sequence[Unreadable]:
        unsure = self.nf_conntrack.unsure
        return () if unsure is None else (unsure,)


def _existing(host: Host) -> tuple[tuple[str, ...], bool]:
    """Paths that patterns can meet; whether they are what the kernel showed, or usual ones."""
    names = host.names("/proc/sys/net/netfilter")
    if isinstance(names, tuple) and ALWAYS.issubset(names):
        found = [f"net/netfilter/{name}" for name in names]
        for folder in ("net", "net/ipv4", "net/ipv4/netfilter"):
            more = host.names(f"/proc/sys/{folder}")
            if isinstance(more, tuple):
                found += [f"{folder}/{name}" for name in more if "conntrack" in name]
        # Another network namespace than the first does not show the alias.
        return tuple(dict.fromkeys([*found, "net/nf_conntrack_max"])), True
    usual = [path for key in (*PAGE_KEYS, *SWITCHES) for path in paths_of(key)]
    return tuple(path for path in usual if not is_old_name(path)), False
