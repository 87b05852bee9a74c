"""What is known of a sysctl key, whatever it is; who knows more of its own keys overrides it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ec2rl.facts import glob
from ec2rl.facts.sysctl_conf import alternatives, normalize
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.module import Module, When, find_module, kernel_release
from ec2rl.next_boot.presence import Presence, interface_of, module_of, of_interface, of_module
from ec2rl.next_boot.setting import Initial, Reading
from ec2rl.next_boot.values import plain, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.next_boot.setting import Value

SYS = "/proc/sys"
ROOTS = ("abi", "crypto", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm", "xen")
"""The folders of /proc/sys."""

MAX_KEYS = 5_000
"""Keys that all patterns may meet together; a host with 500 interfaces has some 60,000."""

_SAME = {"net/ipv4/conf/all/forwarding": "net/ipv4/ip_forward"}
"""Two names of one variable (net/ipv4/devinet.c)."""

_SPREADING = (
    ("net/ipv4/conf/", "/forwarding", ("net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding")),
    ("net/ipv6/conf/", "/forwarding", ("net/ipv6/conf/all/forwarding",)),
    ("net/ipv6/conf/", "/disable_ipv6", ("net/ipv6/conf/all/disable_ipv6",)),
)
"""Keys whose writing changes that of every interface, too (devinet.c, net/ipv6/addrconf.c)."""


class Rules:
    """What is known of the wanted keys.

    `asked` are paths below /proc/sys and patterns of them; without any, all that anything names is
    wanted. `modules` says which module brings a setting, where the caller knows it.
    """

    release: str | None

    def __init__(
        self, host: Host, asked: Sequence[str] = (), modules: Mapping[str, str] | None = None
    ) -> None:
        self.host = host
        self.release = kernel_release(host)
        self.asked = tuple(dict.fromkeys(_SAME.get(path, path) for path in asked))
        self._gaps: list[Unreadable] = []
        self._patterns = [path for path in self.asked if is_pattern(path)]
        self._plain = [path for path in self.asked if not is_pattern(path)]
        self._reaching = {other for path in self._plain for other in self.spreading(dotted(path))}
        self._reaching.update(self._plain)
        self._modules = modules or {}
        self._found: dict[str, Module] = {}

    # Names.

    def setting(self, path: str) -> str | None:
        """The setting that a path below /proc/sys stands for, None for one of somebody else's."""
        return dotted(_SAME.get(path, path))

    def name(self, path: str) -> str | None:
        """The same for a wanted setting, None for all others."""
        path = _SAME.get(path, path)
        wanted = not self.asked or path in self._plain or self._meets(path)
        return dotted(path) if wanted else None

    def _meets(self, path: str) -> bool:
        return any(glob.matches(one, path) for one in self._patterns)

    def wants(self, path: str) -> bool:
        """Whether a line for this path may say something about a wanted setting."""
        if not self.asked or path in self._reaching or _SAME.get(path, path) in self._reaching:
            return True
        if (self._patterns and path in _SAME) or any(path in three[2] for three in _SPREADING):
            return True
        return self.name(path) is not None

    def named_by(self, word: str) -> str | None:
        """The setting that a word of a script names."""
        path = normalize(word)
        known = path.partition("/")[0] in ROOTS and "/" in path and word[:1] != "/"
        return self.name(path) if known and not is_pattern(path) else None

    def speaks(self, text: str) -> bool:
        """Whether a line that is no assignment seems to be about a wanted setting."""
        return not self.asked or any(path.rpartition("/")[2] in text for path in self._plain)

    def keys(self, named: Collection[str], met: Collection[str]) -> Sequence[str]:
        """The settings to tell: what was asked for, or all that lines name or patterns meet."""
        plain = [dotted(path) for path in self._plain]
        return tuple(dict.fromkeys([*plain, *sorted({*named, *met})]))

    def paths(self, key: str) -> tuple[str, ...]:
        """Where a setting is found below /proc/sys, its own name first."""
        path = normalize(key)
        return (path, *(other for other, same in _SAME.items() if same == path))

    def spreading(self, key: str) -> tuple[str, ...]:
        """The paths of other settings which, when they are written, may change this one."""
        path = normalize(key)
        for start, end, others in _SPREADING:
            if path.startswith(start) and path.endswith(end) and path not in others:
                return others
        return ()

    def existing(self, patterns: Sequence[str]) -> Sequence[str]:
        """The paths of wanted settings that these patterns can meet, on the kernel that boots."""
        found = dict.fromkeys(self._plain)
        for pattern in (*patterns, *self._patterns):
            for one in {pattern, *(alternatives(pattern) or ())}:
                for path in _walk(self.host, one):
                    if len(found) == MAX_KEYS:
                        self._partial("patterns meet more keys than are looked at")
                        return tuple(found)
                    if self.wants(path):
                        found[path] = None
        return tuple(found)

    def _partial(self, what: str) -> None:
        missing = Unreadable(SYS, Why.PARTIAL, what)
        if missing not in self._gaps:
            self._gaps.append(missing)

    def exists(self, path: str) -> bool:
        """Whether the kernel that boots can have this path at all."""
        return True

    # Values.

    def value(self, text: str) -> Value | None:
        """What a text stands for, None for nothing."""
        return plain(text)

    def now(self, key: str) -> Value | None:
        """What the running kernel has, None where that cannot be read."""
        for path in self.paths(key):
            text = self.host.read(f"{SYS}/{path}")
            if isinstance(text, Evidence):
                return self.value(text.text)
        return None

    def read(self, key: str, text: str) -> Reading:
        """What the kernel makes of a text written to a setting."""
        now = self.now(key)
        return read_text(key, text, None if now is None else str(now))

    def initial(self, key: str) -> Initial:
        """The setting before any sysctl file."""
        path = normalize(key)
        interface = interface_of(path)
        if interface:
            shared = dotted(path.replace(f"/{interface}/", "/default/", 1))
            return Initial(None, f"not set for {interface}: it takes {shared} when it comes")
        return Initial(None, "the kernel's default, which is not known here")

    # What else is to be told.

    def warnings(self) -> Sequence[str]:
        """What to say that is about no line of a sysctl file."""
        return ()

    def unread(self) -> Sequence[Unreadable]:
        """What could not be read of the values that settings have before any file."""
        return self._gaps

    def unsure(self) -> Sequence[Unreadable]:
        """What could not be read of when the keys are there."""
        return [module.unsure for module in self._found.values() if module.unsure is not None]

    # When the keys are there.

    def module(self, name: str) -> Module:
        """A module of the kernel that boots; looked up once."""
        if name not in self._found:
            self._found[name] = find_module(self.host, self.release, name)
        return self._found[name]

    def presence(self, key: str) -> Presence | None:
        """When the key comes into being; None for one that is there from the start."""
        path = normalize(key)
        module = self._modules.get(key) or module_of(path)
        if module:
            return of_module(self.host, self.module(module))
        interface = interface_of(path)
        if interface:
            return of_interface(self.host, interface)
        there = self.host.read(f"{SYS}/{path}")
        if not isinstance(there, Unreadable) or there.why is not Why.ABSENT:
            return None
        if not isinstance(self.host.names(f"{SYS}/kernel"), tuple):
            return None
        return Presence(
            When.LATE,
            "there is no such key now: lost unless what makes it is there before the sysctl files "
            "are read",
        )


def is_pattern(path: str) -> bool:
    return any(sign in path for sign in "*?[{")


def dotted(path: str) -> str:
    """A path below /proc/sys as sysctl(8) shows it: dots for slashes, and slashes for dots."""
    return path.translate({ord("."): "/", ord("/"): "."})


def _walk(host: Host, pattern: str) -> Iterator[str]:
    """The files below /proc/sys that a pattern meets; nothing where they cannot be listed."""
    folders = [""]
    parts = pattern.split("/")
    for number, part in enumerate(parts, 1):
        found = []
        for folder in folders[:MAX_KEYS]:
            names = host.names(f"{SYS}/{folder}".rstrip("/"))
            if isinstance(names, tuple):
                found += [
                    f"{folder}/{name}".lstrip("/") for name in names if glob.matches(part, name)
                ]
        folders = found
        if number == len(parts):
            yield from (
                path for path in found if not isinstance(host.names(f"{SYS}/{path}"), tuple)
            )
