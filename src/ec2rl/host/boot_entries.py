"""The command line that a volume's kernel will be given, from what its boot loader has written.

GRUB's own menu (`linux /boot/vmlinuz-... WORDS`) and the entries of the Boot Loader Specification
(`options WORDS`), with the variables that grubenv holds.  It is told only where all entries agree:
which of them will be booted, nobody knows.
"""

from __future__ import annotations

import re

from ec2rl.model import Evidence, Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Read = Callable[[str], "Evidence | Unreadable"]
    Names = Callable[[str], "tuple[str, ...] | Unreadable"]

COMMAND_LINE = "/proc/cmdline"
ENTRIES = "/boot/loader/entries"
_MENUS = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
_VARIABLES = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
_MOST = 200

_LINUX = r"(?m)^[ \t]*linux(?:16|efi)?[ \t]+\S*vmlinu\S*[ \t]*(.*)$"
_OPTIONS = r"(?m)^options[ \t]+(.*)$"
_SET = r"(?m)^(?:[ \t]*set[ \t]+)?(\w+)=[\"']?([^\"'\n]*)[\"']?$"
# What entries differ by: the kernel, its disk, and that one of them is for rescue.
_OWN = (
    r"(?:root|BOOT_IMAGE|initrd|resume)=\S*"
    r"|single|recovery|nomodeset|dis_ucode_ldr|r[ow]|\$vt_handoff"
)


def command_line(read: Read, names: Names) -> Evidence | Unreadable:
    """Read the words, and the file that they stand in; NOT_COLLECTED where they cannot be told."""
    found: list[tuple[str, str]] = []
    variables: dict[str, str] = {}
    for path in _MENUS:
        text = _text(read, path)
        variables.update(re.findall(_SET, text))
        found += [(path, words) for words in re.findall(_LINUX, text)]
    for path in _VARIABLES:
        variables.update(re.findall(_SET, _text(read, path)))
    entries = names(ENTRIES)
    for name in entries[:_MOST] if isinstance(entries, tuple) else ():
        if name.endswith(".conf"):
            path = f"{ENTRIES}/{name}"
            found += [(path, words) for words in re.findall(_OPTIONS, _text(read, path))]
    if not found:
        return _unknown("no entry of a boot loader in /boot")
    told = [_expanded(words, variables) for _, words in found[:_MOST]]
    common = {frozenset(w for w in words if not re.fullmatch(_OWN, w)) for words in told}
    if len(common) > 1:
        return _unknown("the entries of the boot loader differ")
    if any("$" in word for word in next(iter(common))):
        return _unknown("a variable of the boot loader is not known")
    return Evidence(found[0][0], " ".join(told[0]) + "\n")


def _text(read: Read, path: str) -> str:
    answer = read(path)
    return answer.text if isinstance(answer, Evidence) else ""


def _expanded(words: str, variables: dict[str, str]) -> list[str]:
    return re.sub(
        r"\$\{?(\w+)\}?", lambda match: variables.get(match[1], match[0])[:4096], words[:4096]
    ).split()


def _unknown(why: str) -> Unreadable:
    return Unreadable(COMMAND_LINE, Why.NOT_COLLECTED, why)
