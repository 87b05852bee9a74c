"""Entries of the Boot Loader Specification (uapi-group.org), for RHEL's GRUB and systemd-boot.

GRUB's blscfg.c of Fedora sorts by the file's name, as rpm compares versions, the newest first.
"""

from __future__ import annotations

from ec2rl.facts.loader.menu import Entry, Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Key = list[tuple[int, int, str]]


def parse(path: str, text: str, values: Mapping[str, str]) -> Entry | None:
    """Read one file, None where it names no kernel; `values` are the loader's variables."""
    fields: dict[str, list[str]] = {}
    for line in text.split("\n"):
        words = line.strip().split(None, 1)
        if len(words) == 2 and not words[0].startswith("#"):
            fields.setdefault(words[0], []).append(words[1].strip())
    kernels = fields.get("linux") or fields.get("efi") or fields.get("uki")
    name = path.rpartition("/")[2].removesuffix(".conf")
    if not kernels:
        return None
    options, is_known = _expanded(" ".join(fields.get("options", ())), values)
    # Fedora's and AL2023's may name a second initrd by a variable that is empty.
    initrds = tuple(
        one for line in fields.get("initrd", ()) for one in line.split() if not one.startswith("$")
    )
    start = Start(kernels[0], options, initrds, is_known=is_known)
    return Entry(fields.get("title", [name])[0], name, path, (start,))


def _expanded(words: str, values: Mapping[str, str]) -> tuple[str, bool]:
    """Put values for variables; `kernelopts` that nobody knows makes a line unknown."""
    if "$" not in words:
        return words, True
    found, is_known = [], True
    for word in words.split():
        name = word[1:].strip("{}") if word.startswith("$") else ""
        if not name:
            found.append(word)
        elif name in values:
            found.append(values[name])
        else:
            is_known = is_known and name != "kernelopts"
    return " ".join(found), is_known


def order(name: str) -> Key:
    """Give what a file's name is compared by (rpmvercmp() of rpm 4.19): the higher, the newer."""
    parts: Key = []
    text = name.removesuffix(".conf")
    at = 0
    while at < len(text):
        sign = text[at]
        end = at + 1
        if sign == "~":
            parts.append((-1, 0, ""))
        elif sign.isascii() and sign.isdigit():
            while end < len(text) and text[end].isascii() and text[end].isdigit():
                end += 1
            parts.append((2, int(text[at:end][:20]), ""))
        elif sign.isascii() and sign.isalpha():
            while end < len(text) and text[end].isascii() and text[end].isalpha():
                end += 1
            parts.append((1, 0, text[at:end]))
        at = end
    parts.append((0, 0, ""))
    return parts
