"""Names that systemd makes: of units from paths, of device links from labels.

src/basic/unit-name.c, unit_name_path_escape(); src/shared/fstab-util.c, fstab_node_to_udev_node();
src/shared/device-nodes.c, encode_devnode_name() (systemd 219 to 257).
"""

from __future__ import annotations

_LONGEST = 255
_LINKS = {
    "UUID": "by-uuid",
    "LABEL": "by-label",
    "PARTUUID": "by-partuuid",
    "PARTLABEL": "by-partlabel",
}


def unit_name(path: str, suffix: str) -> str:
    """Name the unit of a path as `data.mount`; "" where there is none by that name."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        return ""
    name = "-".join(map(_escaped, parts)) or "-"
    name = f"\\x2e{name[1:]}" if name[0] == "." else name
    return f"{name}{suffix}" if len(name) + len(suffix) <= _LONGEST else ""


def unit_path(unit: str) -> str:
    """Give the path that a unit's name was made of."""
    import re

    name = unit.rpartition(".")[0]
    path = "/" if name == "-" else "/" + name.replace("-", "/")
    return re.sub(r"(?:\\x[0-9a-f]{2})+", _unescaped, path)


def device_path(what: str) -> str:
    """Give what fstab's first field means: of a tag as UUID= the link that udev makes."""
    tag, found, value = what.partition("=")
    link = _LINKS.get(tag) if found else None
    return what if link is None else f"/dev/disk/{link}/{encoded(_unquoted(value))}"


def encoded(label: str) -> str:
    """Give a label as udev has it in the name of a link."""
    return "".join(
        char if (char.isascii() and (char.isalnum() or char in "#+-.:=@_")) or ord(char) > 127
        else f"\\x{ord(char):02x}"
        for char in label
    )  # fmt: skip


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]
    return value[1:-1] if is_quoted else value


def _escaped(part: str) -> str:
    if part.isascii() and part.isalnum():
        return part
    return "".join(
        chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in part.encode("utf-8")
    )


_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_."


def _unescaped(found: object) -> str:
    text: str = found[0]  # type: ignore[index]
    return bytes.fromhex(text.replace("\\x", "")).decode("utf-8", "backslashreplace")
