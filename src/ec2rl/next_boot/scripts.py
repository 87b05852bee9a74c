"""Who changes settings by a command as the host starts; whether it is run is not computed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ec2rl.facts import conf_files, glob
from ec2rl.facts.sysctl_conf import Assignment, Reader, parse
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.effects import Load, NoShell, Run, Write, effects
from ec2rl.next_boot.paths import SYS
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import AS_AT_BOOT, AS_BY_HAND, Changer, Idle
from ec2rl.next_boot.startup import Script, Start, starts
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Found = Union[Changer, Idle, Unreadable]

MAX_WORDS = 2_000
"""Words of one line; nobody types more."""

MAX_LINE = 1 << 16
"""Characters of one line."""

MAX_TEXT = 1 << 20
"""Characters of all lines that may do something; what is beyond counts as not read."""

MAX_DEPTH = 3
"""Scripts that run scripts."""

MAX_RUN = 300
"""Files that all commands together may run, and are looked at."""

_ENDS = (".sh", ".bash", ".ash", ".py", ".pl", ".rb")
_OWN = ("/etc/", "/usr/local/", "/opt/", "/root/", "/home/", "/srv/", "/var/")
"""Where people put scripts of their own; a file there counts as one if it begins with `#!`."""

_SIGNS = ("sysctl", "procps", "/sys/", *_ENDS, *_OWN)
"""What a line that does something to keys, or runs a script, holds at least one of."""

_OPENS = ("if", "case", "for", "while", "until", "select", "{")
_CLOSES = ("fi", "esac", "done", "}")


def scripts(host: Host, rules: Rules) -> Iterator[Found]:
    """Yield what the commands of start-up scripts, units and others change, and lines in vain."""
    look = _Look(host, rules)
    for start in starts(host):
        if isinstance(start, Unreadable):
            yield start
        elif isinstance(start, Script):
            yield from look.script(start)
        else:
            yield from look.line(start)


def assigned(who: str, rules: Rules, text: Evidence, note: str) -> Iterator[Changer]:
    """Sysctl lines in a file of another owner; later lines for a setting replace earlier ones."""
    last: dict[str, Changer] = {}
    for item in parse(text.source, text.text, Reader.PROCPS):
        if isinstance(item, Assignment) and item.value is not None:
            setting = rules.name(item.key)
            if setting is not None:
                value = rules.value(item.value)
                last[setting] = Changer(who, setting, value, item.evidence(), note)
    yield from last.values()


class _Look:
    """Looks at lines and at what they run, each file once for who runs it."""

    def __init__(self, host: Host, rules: Rules) -> None:
        self._host, self._rules = host, rules
        self._run: set[tuple[str, str]] = set()
        self._left = MAX_TEXT

    def script(self, script: Script, depth: int = 0) -> Iterator[Found]:
        """Look at a script's lines, as far as they can be reached."""
        known: dict[str, str] = {}
        # Only of a shell's script it is known that `exit` ends it, and not of a part of one.
        open_, ended, sure = 0, False, script.text.text.startswith("#!")
        for number, line in conf_files.joined_lines(script.text.text):
            command = _yaml(line.strip())
            if not command or command.startswith("#"):
                continue
            place = Evidence(f"{script.text.source}:{number}", line.strip())
            for found in self.line(
                Start(script.who, place, command, True, known, script.note), depth
            ):
                ends = ended and isinstance(found, Changer)
                yield Idle(place, "never run, it stands behind `exit`") if ends else found
            _remember(command, known, open_)
            words = command.replace(";", " ").split()
            open_ += sum(word in _OPENS for word in words) - sum(word in _CLOSES for word in words)
            sure &= "<<" not in command and "(" not in words
            ended |= sure and open_ <= 0 and words[:1] == ["exit"] and len(words) < 3

    def line(self, start: Start, depth: int = 0) -> Iterator[Found]:
        """Look at one line."""
        text = start.command
        if len(text) > MAX_LINE or len(text.split(None, MAX_WORDS)) > MAX_WORDS:
            yield Unreadable(start.line.source, Why.PARTIAL, f"more than {MAX_WORDS} words")
            return
        place = Evidence(start.line.source, start.line.text[:200])
        start = replace(start, line=place)
        yield from self._assignment(start)
        if self._left <= 0 or not any(sign in text for sign in _SIGNS):
            return
        self._left -= len(text)
        if self._left <= 0:
            what = f"more than {MAX_TEXT >> 20} MiB of start-up commands"
            yield Unreadable(start.line.source, Why.PARTIAL, what)
            return
        for effect in effects(text, start.variables, start.shell):
            if isinstance(effect, Write):
                yield from self._written(start, effect)
            elif isinstance(effect, Load):
                yield from self._loaded(start, effect)
            elif isinstance(effect, Run):
                yield from self._ran(start, effect.path, depth)
            elif isinstance(effect, NoShell) and self._named(effect.key):
                yield Idle(place, "no shell reads this line: it writes nothing there")

    def _named(self, word: str) -> str | None:
        return self._rules.named_by(word.lstrip(">").removeprefix(f"{SYS}/"))

    def _assignment(self, start: Start) -> Iterator[Found]:
        """`KEY = VALUE` alone on a line: a sysctl file that is written, or a list of settings."""
        key, equals, value = start.command.partition("=")
        words = key.split()
        setting = self._named(words[0]) if equals and len(words) == 1 else None
        if setting is not None:
            told = not any(sign in value for sign in "$`%")
            text = self._rules.value(value.strip().strip("\"'")) if told else None
            yield Changer(start.who, setting, text, start.line, start.when)

    def _written(self, start: Start, effect: Write) -> Iterator[Found]:
        if not effect.plain:
            within = _within(effect.key)
            note = f"{start.when}; which key, is not told there"
            yield Changer(start.who, "", None, start.line, note, within=within)
            return
        setting = self._named(effect.key)
        if setting is None:
            return
        if effect.value is None:
            yield Changer(start.who, setting, None, start.line, start.when)
            return
        reading = self._rules.read(setting, effect.value)
        if reading.refused:
            yield Idle(start.line, f"the kernel refuses it, {reading.note}")
        else:
            yield Changer(start.who, setting, reading.value, start.line, start.when)

    def _loaded(self, start: Start, effect: Load) -> Iterator[Found]:
        if not effect.files:
            note = f"applies all sysctl files, {start.when}"
            which = AS_AT_BOOT if effect.at_boot else AS_BY_HAND
            yield Changer(start.who, which, None, start.line, note)
        for path in effect.files:
            for file in self._met(path):
                text = conf_files.text(self._host, file)
                if isinstance(text, Unreadable):
                    yield text
                else:
                    place = start.line
                    note = f"{start.note}: {place.source}: {place.text}"
                    if not start.note:
                        note = f"if {place.source} is run: {place.text}"
                    yield from assigned(start.who, self._rules, text, note)

    def _met(self, path: str) -> Iterator[str]:
        """The files of a pattern whose last part may hold stars, in their order."""
        folder, _, pattern = path.rpartition("/")
        if not any(sign in pattern for sign in "*?["):
            yield path
            return
        names = self._host.names(folder)
        for name in sorted(names) if isinstance(names, tuple) else ():
            if glob.matches(pattern, name):
                yield f"{folder}/{name}"

    def _ran(self, start: Start, path: str, depth: int) -> Iterator[Found]:
        script = path.endswith(_ENDS)
        if depth == MAX_DEPTH or not (script or path.startswith(_OWN)):
            return
        if (start.who, path) in self._run or len(self._run) == MAX_RUN:
            return
        self._run.add((start.who, path))
        text = conf_files.read(self._host, path)
        if isinstance(text, Evidence) and (script or text.text.startswith("#!")):
            yield from self.script(Script(start.who, text, start.note), depth + 1)
        elif isinstance(text, Unreadable) and (script or text.why is Why.DENIED):
            yield text


def _within(key: str) -> tuple[str, str]:
    """How the path of a key begins and ends, of which a part is not told."""
    path = key if "/" in key else key.replace(".", "/")
    parts = re.split(r"\$\{[^}]*\}?|\$\([^)]*\)?|\$\w*|`[^`]*`?|[*?]", path)
    return parts[0], parts[-1]


def _remember(command: str, known: dict[str, str], depth: int) -> None:
    """Keep `NAME=VALUE`; a name that is set again, or inside an `if`, stands for nothing."""
    match = re.fullmatch(
        r"(?:export |readonly )?([A-Za-z_]\w*)=(\"[^\"$`]*\"|'[^']*'|[^\s\"'$`;|&()<>]*)", command
    )
    if match:
        unsure = match[1] in known or depth > 0
        known[match[1]] = f"${match[1]}" if unsure else match[2].strip("\"'")


def _yaml(line: str) -> str:
    """The command of a line of YAML, `- CMD` or `- [CMD, WORD]`; other lines as they are."""
    if line[:2] == "- ":
        line = line[2:].strip()
    name, colon, rest = line.partition(": ")
    if colon and name in ("command", "args", "runcmd", "bootcmd"):
        line = rest.strip()
    if line[:1] == "[" and line[-1:] == "]" and line[:2] not in ("[ -", "[["):
        inside = line[1:-1].strip()
        line = inside if "," not in inside else _listed(inside)
    return line


def _listed(text: str) -> str:
    """The commas outside quotes made blanks."""
    parts = re.split(r"(\"[^\"]*\"|'[^']*')", text)
    return "".join(part if n % 2 else part.replace(",", " ") for n, part in enumerate(parts))
