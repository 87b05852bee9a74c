"""Lines of start-up scripts that speak of a setting; whether they run is not computed."""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Changer

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


def scripts(host: Host, rules: Rules) -> Iterator[Changer | Unreadable]:
    """What rc.local and cloud-init may change."""
    for who, paths in SCRIPTS:
        for path in paths:
            yield from _mentions(who, rules, conf_files.text(host, path))
    for who, folder, suffix in FOLDERS:
        for item in conf_files.merged(host, (folder,), suffix):
            yield from _mentions(who, rules, item)


def _mentions(
    who: str, rules: Rules, text: Evidence | Unreadable
) -> Iterator[Changer | Unreadable]:
    if isinstance(text, Unreadable):
        # FAILED is a folder or a device of that name: no script.
        if text.why is not Why.FAILED:
            yield text
        return
    for number, line in enumerate(text.text.split("\n"), 1):
        line = line.strip()
        if line.startswith("#"):
            continue
        for setting, value in _settings_in(line, rules):
            place = Evidence(f"{text.source}:{number}", line[:200])
            yield Changer(who, setting, value, place, "if this line is run")


def _settings_in(line: str, rules: Rules) -> Iterator[tuple[str, Value | None]]:
    """The settings that a line of shell or YAML names, with the value given to each, if plain."""
    for mark in "\"',[]()|;:":
        line = line.replace(mark, " ")
    words = line.replace("=", " = ").replace("/proc/sys/", "").split()
    for at, word in enumerate(words):
        setting = rules.named_by(word)
        if setting is not None:
            after = words[at + 1 : at + 3]
            value = rules.value(after[1]) if len(after) == 2 and after[0] == "=" else None
            if at and words[at - 1] in (">", ">>") and "echo" in words:
                value = rules.value(words[at - 2])
            yield setting, value
