"""What is known of a sysctl key, whatever it is; who knows more of its own keys overrides it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ec2rl.facts import glob
from ec2rl.facts.sysctl_conf import Assignment, alternatives, normalize
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.command_line import CommandLine, ram_disks
from ec2rl.next_boot.module import Module, When, find_module, kernel_release
from ec2rl.next_boot.paths import (
    MAX_KEYS,
    ROOTS,
    SYS,
    dotted,
    is_pattern,
    is_spreading,
    other_names,
    own_path,
    spreading,
    walk,
)
from ec2rl.next_boot.presence import Presence, interface_of, module_of, of_interface, of_module
from ec2rl.next_boot.setting import Initial, Reading
from ec2rl.next_boot.udev import RunRules, run_rules
from ec2rl.next_boot.values import plain, read_text
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ec2rl.next_boot.setting import Value


class Rules:
    """What is known of the wanted keys.

    `asked` are paths below /proc/sys and patterns of them; without any, all that anything names is
    wanted, but for what `elsewhere` says of a path that somebody else tells it. `modules` says
    which module brings a setting, where the caller knows it.
    """

    def __init__(
        self,
        host: Host,
        asked: Sequence[str] = (),
        modules: Mapping[str, str] | None = None,
        elsewhere: Callable[[str], bool] | None = None,
    ) -> None:
        self.host = host
        self._elsewhere = elsewhere
        self.release = kernel_release(host)
        self.asked = tuple(dict.fromkeys(map(own_path, asked)))
        self._gaps: list[Unreadable] = []
        self._patterns = [path for path in self.asked if is_pattern(path)]
        self._plain = [path for path in self.asked if not is_pattern(path)]
        self._modules = modules or {}
        self._found: dict[str, Module] = {}
        self._presences: dict[str, Presence | None] = {}
        self._line = CommandLine(host, self.release)
        self._udev: RunRules | None = None

    # Names.

    def setting(self, path: str) -> str | None:
        """Name the setting that a path below /proc/sys stands for, None for another's."""
        if self._elsewhere is not None and self._elsewhere(path):
            return None
        return dotted(own_path(path))

    def name(self, path: str) -> str | None:
        """Give the same for a wanted setting, None for all others."""
        wanted = not self.asked or own_path(path) in self._plain
        wanted = wanted or any(glob.matches(one, path) for one in self._patterns)
        return self.setting(path) if wanted else None

    def wants(self, path: str) -> bool:
        """Tell whether a line for this path may say something about a wanted setting."""
        return not self.asked or is_spreading(path) or self.name(path) is not None

    def named_by(self, word: str) -> str | None:
        """Give the setting that a word of a script names."""
        path = normalize(word)
        known = path.partition("/")[0] in ROOTS and "/" in path and word[:1] != "/"
        return self.name(path) if known and not is_pattern(path) else None

    def speaks(self, text: str) -> bool:
        """Tell whether a line that is no assignment seems to be about a wanted setting."""
        return not self.asked or any(path.rpartition("/")[2] in text for path in self._plain)

    def keys(self, named: Collection[str], met: Collection[str]) -> Sequence[str]:
        """Give the settings to tell.

        What was asked for, or all that lines name or patterns meet.
        """
        plain = [dotted(path) for path in self._plain]
        there = {key for path in self.existing(()) if (key := self.name(path))}
        return tuple(dict.fromkeys([*plain, *sorted({*named, *met, *there})]))

    def paths(self, key: str) -> tuple[str, ...]:
        """Tell where a setting is found below /proc/sys, its own name first."""
        path = normalize(key)
        return (path, *other_names(path))

    def spreading(self, key: str) -> tuple[str, ...]:
        """Give the paths of other settings which, when they are written, may change this one."""
        return spreading(normalize(key))

    def existing(self, patterns: Sequence[str]) -> Sequence[str]:
        """Give the paths of wanted settings that these patterns can meet on that kernel."""
        found = dict.fromkeys(self._plain)
        open_ended = self._patterns or not self.asked
        if (patterns or self._patterns) and open_ended:
            top = self.host.names(SYS)
            if isinstance(top, Unreadable):
                self._not_seen(replace(top, detail="which keys a pattern meets is not known"))
        for pattern in (*patterns, *self._patterns):
            for one in {pattern, *(alternatives(pattern) or ())}:
                for path in walk(self.host, one):
                    if len(found) == MAX_KEYS:
                        what = "patterns meet more keys than are looked at"
                        self._not_seen(Unreadable(SYS, Why.PARTIAL, what))
                        return tuple(found)
                    if self.wants(path):
                        found[path] = None
        return tuple(found)

    def _not_seen(self, what: Unreadable) -> None:
        if what not in self._gaps:
            self._gaps.append(what)

    def exists(self, path: str) -> bool:
        """Tell whether the kernel that boots can have this path at all."""
        return True

    # Values.

    def value(self, text: str) -> Value | None:
        """Tell what a text stands for, None for nothing."""
        return plain(text)

    def now(self, key: str) -> Value | None:
        """Tell what the running kernel has, None where that cannot be read."""
        for path in self.paths(key):
            text = self.host.read(f"{SYS}/{path}")
            if isinstance(text, Evidence):
                return self.value(text.text)
        return None

    def read(self, key: str, text: str) -> Reading:
        """Tell what the kernel makes of a text written to a setting."""
        now = self.now(key)
        return read_text(key, text, None if now is None else str(now))

    def initial(self, key: str) -> Initial:
        """Give the setting before any sysctl file."""
        found = self.default(key)
        for item in self.arguments(key):
            reading = self.read(key, item.value or "")
            if not reading.refused:
                because = reading.note if reading.value is None else "the kernel's command line"
                found = Initial(reading.value, because, item.evidence())
        return found

    def default(self, key: str) -> Initial:
        """Give the setting where nothing sets it."""
        path = normalize(key)
        interface = interface_of(path)
        if interface:
            shared = dotted(path.replace(f"/{interface}/", "/default/", 1))
            return Initial(None, f"it takes {shared} when {interface} comes")
        if self._line.unread:
            return Initial(None, f"{self._line.unread} may decide, else the kernel's default")
        return Initial(None, "the kernel's default, which is not known here")

    def arguments(self, key: str) -> Sequence[Assignment]:
        """Give the words of the kernel's command line that give this setting a value."""
        found = self._line.of(self.paths(key)) if self._line.items else ()
        return found if found and self._is_early(key) else ()

    def argument_keys(self) -> Sequence[str]:
        """Give the wanted settings that the kernel's command line names."""
        return [key for item in self._line.items if (key := self.name(item.key))]

    def _is_early(self, key: str) -> bool:
        """Whether the key is there when the kernel reads its command line."""
        presence = self.presence(key)
        there = presence is None or presence.when is When.BUILT_IN
        return there and not interface_of(normalize(key))

    # What else is to be told.

    def warnings(self) -> Sequence[str]:
        """Tell what to say that is about no line of a sysctl file."""
        nothing = [one for one in self._patterns if next(walk(self.host, one), None) is None]
        return [f"no key here meets {dotted(one)}" for one in nothing] + [
            f"{item.path}: {item.text!r} does nothing: {key} is not there that early"
            for item in self._line.items
            if (key := self.name(item.key)) and not self._is_early(key)
        ]

    def unread(self) -> Sequence[Unreadable]:
        """Tell what could not be read, and may hold anything."""
        return self._gaps

    def unread_before(self) -> Sequence[Unreadable]:
        """Tell what could not be read, and may decide of what no sysctl file sets."""
        line = [self._line.unread] if self._line.unread else []
        return [*line, *ram_disks(self.host, self.release)]

    def unsure(self) -> Sequence[Unreadable]:
        """Tell what could not be read of when the keys are there."""
        return [module.unsure for module in self._found.values() if module.unsure is not None]

    # When the keys are there.

    def module(self, name: str) -> Module:
        """Give a module of the kernel that boots; looked up once."""
        if name not in self._found:
            self._found[name] = find_module(self.host, self.release, name)
        return self._found[name]

    def brings(self, module: str) -> bool:
        """Tell whether a module brings wanted settings, or may."""
        if not self.asked:
            return True
        keys = [dotted(path) for path in self._plain]
        return any(module in (self._modules.get(key), module_of(normalize(key))) for key in keys)

    def udev(self) -> RunRules:
        """Give the rules of udev that run a program; read once."""
        self._udev = self._udev or run_rules(self.host)
        return self._udev

    def presence(self, key: str) -> Presence | None:
        """Tell when the key comes into being; None for one that is there from the start."""
        if key not in self._presences:
            self._presences[key] = self._presence_of(key)
        return self._presences[key]

    def _presence_of(self, key: str) -> Presence | None:
        path = normalize(key)
        module = self._modules.get(key) or module_of(path)
        if module:
            return of_module(self.module(module), self.udev())
        interface = interface_of(path)
        if interface:
            return of_interface(interface, self.udev())
        there = self.host.read(f"{SYS}/{path}")
        if not isinstance(there, Unreadable) or there.why is not Why.ABSENT:
            return None
        if not isinstance(self.host.names(f"{SYS}/kernel"), tuple):
            return None
        return Presence(
            When.LATE,
            "there is no such key now: the files set it only if what makes it is there before they "
            "are read",
        )
