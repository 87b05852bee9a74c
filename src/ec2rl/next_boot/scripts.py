"""Lines of start-up scripts and units that speak of a setting; whether they run is not computed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ec2rl.facts import conf_files
from ec2rl.facts.sysctl_conf import SYSCTL_CONF, Assignment, Reader, parse
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.paths import SYS
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import AS_BY_HAND, Changer
from ec2rl.next_boot.units import start_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.next_boot.setting import Value

SCRIPTS = (
    ("rc.local", ("/etc/rc.local", "/etc/rc.d/rc.local")),
    (
        "cloud-init",
        (
            "/etc/cloud/cloud.cfg",
            "/var/lib/cloud/instance/cloud-config.txt",
            "/var/lib/cloud/instance/user-data.txt",
        ),
    ),
)
FOLDERS = (
    ("cloud-init", "/etc/cloud/cloud.cfg.d", ".cfg"),
    ("cloud-init", "/var/lib/cloud/scripts/per-boot", ""),
    ("cloud-init", "/var/lib/cloud/scripts/per-instance", ""),
    ("cloud-init", "/var/lib/cloud/instance/scripts", ""),
)
_IF = "if this line is run"
MAX_WORDS = 2_000
"""Words of one line; nobody types more."""
_NEAR = 50
"""Words in front of a path that are looked at for what is written to it."""
_PART = r"""("[^"]*"|'[^']*')|([=>|])|[^\s"'=>|,;()\[\]]+"""


def scripts(host: Host, rules: Rules) -> Iterator[Changer | Unreadable]:
    """What rc.local, cloud-init and the services that systemd starts may change."""
    texts = [(who, conf_files.text(host, path)) for who, paths in SCRIPTS for path in paths]
    for who, folder, suffix in FOLDERS:
        texts += [(who, item) for item in conf_files.merged(host, (folder,), suffix)]
    for who, text in texts:
        if isinstance(text, Evidence):
            yield from _mentions(host, rules, who, _lines(text))
        elif text.why is not Why.FAILED:  # a folder or a device of that name: no script
            yield text
    for unit, found in start_lines(host):
        if isinstance(found, Unreadable):
            yield found
        else:
            yield from _mentions(host, rules, unit, [found])


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


def _lines(text: Evidence) -> Iterator[Evidence]:
    for number, line in enumerate(text.text.split("\n"), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield Evidence(f"{text.source}:{number}", line)


def _mentions(
    host: Host, rules: Rules, who: str, lines: Iterable[Evidence]
) -> Iterator[Changer | Unreadable]:
    for line in lines:
        if "sysctl" not in line.text and SYS not in line.text and "=" not in line.text:
            continue
        place = Evidence(line.source, line.text[:200])
        if len(re.findall(r"[^\s\"',;|&()\[\]=>]+|[=>]", line.text)) > MAX_WORDS:
            yield Unreadable(line.source, Why.PARTIAL, f"more than {MAX_WORDS} words")
            continue
        for setting, value in _settings_in(line.text, rules):
            yield Changer(who, setting, value, place, _IF)
        yield from _loaded(host, rules, who, place)


def _loaded(host: Host, rules: Rules, who: str, line: Evidence) -> Iterator[Changer | Unreadable]:
    """What `sysctl -p [FILE]` and `sysctl --system` in a line apply."""
    words = re.findall(r"[^\s\"',;|&()\[\]]+", line.text)
    at = next((n for n, word in enumerate(words) if word.rpartition("/")[2] == "sysctl"), None)
    for number, word in enumerate(words[at + 1 :], at + 1) if at is not None else ():
        if word == "--system":
            yield Changer(who, AS_BY_HAND, None, line, f"applies all sysctl files, {_IF}")
            return
        if word in ("-p", "--load") or word.startswith(("-p/", "--load=")):
            path = word.removeprefix("-p").removeprefix("--load").removeprefix("=")
            following = words[number + 1] if number + 1 < len(words) else ""
            path = path or (following if following[:1] == "/" else SYSCTL_CONF)
            text = conf_files.text(host, path)
            if isinstance(text, Unreadable):
                yield text
            else:
                yield from assigned(who, rules, text, f"if {line.source} is run: {line.text}")
            return


def _settings_in(line: str, rules: Rules) -> Iterator[tuple[str, Value | None]]:
    """The settings that a line of shell or YAML names, with the value given to each, if plain."""
    tokens = list(re.finditer(_PART, line))
    texts = [token[0].strip("\"'") for token in tokens]
    for at, token in enumerate(tokens):
        text = texts[at]
        if token[1] and ("sysctl" in text or f"> {SYS}" in text.replace(">/", "> /")):
            yield from _settings_in(text, rules)  # a command for another shell
            continue
        word, equals, value = text.partition("=") if token[1] else (text, "", "")
        word = word.strip().rstrip(":")
        follows = texts[at + 1 : at + 2] == ["="]
        if not (equals or follows or word.startswith(SYS) or "sysctl" in line):
            continue
        setting = rules.named_by(word.removeprefix(f"{SYS}/"))
        if setting is None:
            continue
        if follows and at + 2 < len(tokens):
            value = texts[at + 2]
            if re.match(r",\S", line[tokens[at + 2].end() :]):  # a list: not the whole of it
                value = ""
        elif not equals:
            value = _echoed(texts[max(0, at - _NEAR) : at])
        plain = value and not any(sign in value for sign in "$`\\%")
        yield setting, rules.value(value) if plain else None


def _echoed(before: list[str]) -> str:
    """What `echo VALUE > ` or `echo VALUE | tee ` in front of a path writes; "" for another."""
    ends = [n for n, text in enumerate(before) if text in (">", "|")]
    writes = bool(before) and (before[-1] == ">" or "tee" in before[ends[-1] if ends else 0 :])
    if not writes or "echo" not in before[: ends[0] if ends else 0]:
        return ""
    start = before.index("echo") + 1
    return " ".join(text for text in before[start : ends[0]] if text not in ("-n", "-e"))
