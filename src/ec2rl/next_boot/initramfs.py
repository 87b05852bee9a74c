"""The modules that an initial RAM disk loads, by the files that it was made from.

What is in the disk itself is not read, so whether it was made since these files were written is not
known. initramfs-tools 0.142 loads what /etc/initramfs-tools/modules names, with parameters; dracut
059 what `force_drivers` (dracut.conf(5)) and `rd.driver.pre=` name; mkinitcpio its `MODULES=`,
booster its `modules_force_load`, Alpine's mkinitfs the `modules=` of the kernel's command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.facts.modprobe_conf import module_name
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.next_boot.load import CMDLINE
from ec2rl.record import record

_LISTS = ("/etc/initramfs-tools/modules",)
_LIST_FOLDER = "/usr/share/initramfs-tools/modules.d"
_SETTINGS = (
    ("/etc/dracut.conf", "force_drivers"),
    ("/etc/mkinitcpio.conf", "MODULES"),
    ("/etc/booster.yaml", "modules_force_load"),
)
_SETTING_FOLDERS = (
    (("/etc/dracut.conf.d", "/usr/lib/dracut/dracut.conf.d"), "force_drivers"),
    (("/etc/mkinitcpio.conf.d",), "MODULES"),
)
_WORDS = ("rd.driver.pre", "rd.driver.post", "modules")
"""Arguments of the kernel that name modules for the disk to load (dracut.cmdline(7), mkinitfs)."""


@record(frozen=True)
class EarlyLoad:
    """A line that has the disk load a module, and the parameters that it gives."""

    place: Evidence
    parameters: tuple[str, ...] = ()


def early_load(host: Host, module: str) -> EarlyLoad | Unreadable | None:
    """Find the line that has an initial RAM disk load a module, or what was not read of such."""
    unread: Unreadable | None = None
    for found in _named(host):
        if isinstance(found, Unreadable):
            unread = found
        elif module_name(found[0]) == module:
            return found[1]
    return unread


def _named(host: Host) -> Iterator[tuple[str, EarlyLoad] | Unreadable]:
    texts = [conf_files.text(host, path) for path in _LISTS]
    texts += conf_files.merged(host, (_LIST_FOLDER,), "")
    for text in texts:
        yield from (text,) if isinstance(text, Unreadable) else _lines(text)
    named = [(conf_files.text(host, path), name) for path, name in _SETTINGS]
    for folders, name in _SETTING_FOLDERS:
        named += [(item, name) for item in conf_files.merged(host, folders, ".conf")]
    for text, name in named:
        yield from (text,) if isinstance(text, Unreadable) else _setting(text, name)
    line = host.read(CMDLINE)
    for word in arguments(line.text) if isinstance(line, Evidence) else ():
        if word.name in _WORDS:
            place = Evidence(CMDLINE, word.text)
            yield from ((name, EarlyLoad(place)) for name in (word.value or "").split(","))


def _lines(text: Evidence) -> Iterator[tuple[str, EarlyLoad]]:
    for number, line in enumerate(text.text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if words:
            place = Evidence(f"{text.source}:{number}", line.strip())
            yield words[0], EarlyLoad(place, tuple(words[1:]))


def _setting(text: Evidence, name: str) -> Iterator[tuple[str, EarlyLoad]]:
    """`NAME="a b"`, `NAME+=" a "`, `NAME=(a b)`, `NAME: a,b`; a value may go over lines."""
    lines = text.text.split("\n")
    value, closes = "", ""
    for number, line in enumerate(lines, 1):
        bare = line.partition("#")[0].strip()
        if not closes:
            match = re.match(r"(?:export )?(\w+)\s*(?:\+?=|:)\s*(.*)", bare)
            if match is None or match[1] != name:
                continue
            value = match[2]
            closes = {"(": ")", '"': '"', "'": "'"}.get(value[:1], "")
            inside = value[1:] if closes else value
        else:
            inside = bare
        words, end, _ = inside.partition(closes) if closes else (inside, "", "")
        closes = "" if end else closes
        place = Evidence(f"{text.source}:{number}", line.strip())
        for word in words.replace(",", " ").split():
            yield word.strip("\"'"), EarlyLoad(place)
