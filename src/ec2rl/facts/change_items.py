"""The items of a record, as JSON and back: each kind of change by the fields of its record.

The two oldest kinds, a setting and a whole file, have no `kind` in a record; they are told by
their `key` and `path`.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode

from ec2rl.facts.change import (
    ArtefactItem,
    FileItem,
    Hunk,
    Image,
    Item,
    LinesItem,
    LinkItem,
    RenameItem,
    RightsItem,
    SysctlItem,
    SysfsItem,
)
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE_BYTES = 1 << 20
"""Of a file in a record; the first versions wrote files of this size, today's write 64 KiB."""

_OLD_KEY = r"net(\.[A-Za-z0-9_-]{1,64}){1,8}"
_OLD_PATH = r"/etc/(sysctl|modprobe|modules-load)\.d/[A-Za-z0-9][A-Za-z0-9_.@+-]{0,99}\.conf"
_KEY = r"[a-z0-9_]{1,64}(\.[A-Za-z0-9_-]{1,64}){1,8}"
_NUMBER = r"-?(0|[1-9][0-9]{0,18})"
_WORD = r"[A-Za-z][A-Za-z0-9_.,:+-]{0,63}"
_PARAMETER = r"[A-Za-z0-9_]{1,64}/parameters/[A-Za-z0-9_]{1,64}"
_SYSFS = r"/sys/(block|bus|class|devices|fs|kernel|module)(/[A-Za-z0-9_.:,@+-]{1,128}){1,24}"
_NOT_FILES = ("/proc", "/sys", "/dev", "/run", "/var/lib/ec2rl")
_MOST = 4096
_HUNKS = 1000
_SIZE_AND_SUM = rb"(0|[1-9][0-9]{0,15}) [0-9a-f]{64}"
_NO_ID = (1 << 32) - 1
"""(gid_t) -1, with which chown(2) changes nothing."""

_KINDS: dict[str, type[Item]] = {
    cls.kind: cls for cls in (SysfsItem, LinesItem, RightsItem, RenameItem, LinkItem, ArtefactItem)
}


def key_fault(key: str) -> str:
    """Say what is wrong with the key of a kernel setting, "" if nothing is."""
    return "" if re.fullmatch(_KEY, key) else f"{key!a} is no kernel setting"


def value_fault(name: str, value: str) -> str:
    """Say what is wrong with a value, "" if nothing is.

    Decimal numbers without leading zeros, which the kernel would take for octal (proc_dointvec), or
    words: never a path or a program, which some settings take.
    """
    one = f"({_NUMBER}|{_WORD})"
    if re.fullmatch(f"{one}( {one}){{0,15}}", value):
        return ""
    return f"{name}: {value!a} is no decimal number, nor a plain word"


def path_fault(path: str) -> str:
    """Say why a path may not be written, "" if it may."""
    parts = path.split("/")
    plain = path.isprintable() and path[:1] == "/" and len(os.fsencode(path)) < _MOST
    if not plain or any(part in ("", ".", "..") or len(part) > 200 for part in parts[1:]):
        return f"{path!a} is no plain path of a file"
    if any(f"{path}/".startswith(f"{top}/") or top.startswith(f"{path}/") for top in _NOT_FILES):
        return f"{path!a} is no file that ec2rl writes"
    return ""


def sysfs_fault(path: str) -> str:
    """Say why a value below /sys may not be written, "" if it may."""
    plain = re.fullmatch(_SYSFS, path) and ".." not in path.split("/")
    return "" if plain else f"{path!a} is no value below /sys that ec2rl writes"


def is_old(item: Item) -> bool:
    """Tell whether an item is of a form that schemas 1 to 3 have."""
    if isinstance(item, SysctlItem):
        numbers = f"{_NUMBER}( {_NUMBER}){{0,7}}"
        values = (item.before, item.asked, item.after)
        plain = all(re.fullmatch(numbers, value) for value in values) and not item.parameter
        return plain and re.fullmatch(_OLD_KEY, item.key) is not None
    if isinstance(item, FileItem):
        images = (item.before, item.after)
        plain = all(isinstance(_data(image.data), str) for image in images if image)
        return plain and item.after is not None and re.fullmatch(_OLD_PATH, item.path) is not None
    return False


def dump(value: Any) -> Any:
    """Give an item, or a part of one, as what JSON holds."""
    if isinstance(value, SysctlItem):
        return {k: v for k, v in vars(value).items() if v is not None and v != ""}
    if isinstance(value, FileItem):
        folder = {"folder": True} if value.folder else {}
        return {k: dump(v) for k, v in vars(value).items() if k != "folder"} | folder
    if isinstance(value, Image):
        labels = value.labels
        told = None if labels is None else [[name, b64encode(v).decode()] for name, v in labels]
        return {**vars(value), "data": _data(value.data), "labels": told}
    if isinstance(value, bytes):
        return _data(value)
    if isinstance(value, tuple):
        return [dump(one) for one in value]
    if isinstance(value, (Item, Hunk)):
        kind = {"kind": value.kind} if isinstance(value, Item) else {}
        return {**kind, **{name: dump(one) for name, one in vars(value).items()}}
    return value


def _data(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def load(record: Any, old: bool = False) -> Item:
    """Read an item; ValueError, LookupError, TypeError for what `dump` would not give.

    With `old`, that of a record before schema 4, which knew a setting below net and few files.
    """
    item: Item
    if "kind" in record:
        made = _KINDS[get(record, "kind", str)]
        names = made.__annotations__
        item = made(**{name: _read(form, record[name]) for name, form in names.items()})
        bad = _fault(item)
    elif "key" in record:
        item, bad = _setting(record)
    else:
        before = None if record["before"] is None else _image(get(record, "before", dict))
        folder = "folder" in record and get(record, "folder", bool)
        after = None if record["after"] is None else _image(get(record, "after", dict))
        item = FileItem(get(record, "path", str), before, after, folder)
        bad = path_fault(item.path) or _owner_fault(before, after)
        bad = bad or ("a file of it was there before its folder" if folder and before else "")
        bad = bad or ("a file of it was never there" if not before and not after else "")
    if old and not is_old(item):
        what = "setting below net" if item.runs else "file that ec2rl writes"
        bad = bad or f"{item.target!a} is no {what}, in a record of this age"
    if bad:
        raise ValueError(bad)
    return item


def _setting(record: Any) -> tuple[SysctlItem, str]:
    names = ("key", "before", "asked", "after")
    key, before, asked, after = (get(record, name, str) for name in names)
    ends = [get(record, n, int) if n in record else None for n in ("log_end", "log_back")]
    parameter = get(record, "parameter", str) if "parameter" in record else ""
    bad = key_fault(key) or parameter_fault(parameter)
    bad = next(filter(None, (bad, *(value_fault(key, v) for v in (before, asked, after)))), "")
    bad = bad or ("a time of it is before the boot" * any((end or 0) < 0 for end in ends))
    return SysctlItem(key, before, asked, after, ends[0], ends[1], parameter), bad


def parameter_fault(parameter: str) -> str:
    """Say what is wrong with the name of a module's parameter, "" if nothing is."""
    plain = not parameter or re.fullmatch(_PARAMETER, parameter)
    return "" if plain else f"{parameter!a} is no parameter of a kernel module"


def _read(form: str, value: Any) -> Any:
    """Read a value of the form that a record's field is annotated with."""
    if form.endswith(" | None"):
        return None if value is None else _read(form[: -len(" | None")], value)
    if form.startswith("tuple["):
        inner = form[len("tuple[") : -len(", ...]")]
        return tuple(_read(inner, one) for one in _is(value, list))
    if form == "bytes":
        return _bytes(value)
    if form == "Image":
        return _image(_is(value, dict))
    if form == "Hunk":
        return Hunk(**{n: _read(f, value[n]) for n, f in Hunk.__annotations__.items()})
    return _is(value, {"str": str, "int": int}[form])


def _fault(item: Item) -> str:
    """Say what is wrong with an item of a newer kind, "" if nothing is."""
    if isinstance(item, SysfsItem):
        values = (item.before, item.asked, item.after)
        return sysfs_fault(item.path) or next(
            filter(None, (value_fault(item.path, value) for value in values)), ""
        )
    bad = next(filter(None, map(path_fault, item.touched)), "")
    if isinstance(item, (LinesItem, ArtefactItem)):
        bad = bad or _owner_fault(item.before, item.after)
    if isinstance(item, LinesItem):
        bad = bad or _lines_fault(item)
    if isinstance(item, ArtefactItem) and not all(
        image is None or re.fullmatch(_SIZE_AND_SUM, image.data)
        for image in (item.before, item.after)
    ):
        bad = bad or "an image of it is no size and checksum"
    if isinstance(item, RenameItem) and item.what not in ("file", "folder", "link"):
        bad = bad or "a thing of it is none"
    if isinstance(item, LinkItem) and not all(
        image is None or (0 < len(image.data) < _MOST and b"\0" not in image.data)
        for image in (item.before, item.after)
    ):
        bad = bad or "a link of it leads nowhere"
    return bad


def _lines_fault(item: LinesItem) -> str:
    """Say why the lines of an item do not make the second of its images of the first, "" if so.

    The images are what is shown, and the lines what is written.
    """
    if replace(item.before, data=b"") != replace(item.after, data=b""):
        return "lines of it have changed a mode, an owner or a label"
    if len(item.hunks) > _HUNKS:
        return f"it changes lines at more than {_HUNKS} places"
    old, new = item.before.data.split(b"\n"), item.after.data.split(b"\n")
    n = end = 0
    for hunk in item.hunks:
        skip = hunk.at - end
        first = n + skip
        n, behind = first + len(hunk.old), hunk.at + len(hunk.new)
        if (
            not 0 <= skip <= len(new) - end
            or old[first - skip : first] != new[end : hunk.at]
            or tuple(old[first:n]) != hunk.old
            or tuple(new[hunk.at : behind]) != hunk.new
        ):
            return "its lines are not those of its images"
        end = behind
    return "" if old[n:] == new[end:] else "its lines are not those of its images"


def _owner_fault(*images: Image | None) -> str:
    """Say what is wrong with files that are written whole: root's own, without a set-id bit."""
    for image in images:
        if image and (image.mode & ~0o1777 or image.uid not in (0, os.geteuid())):
            return "a file of it has an impossible mode or owner"
    return ""


def _image(record: Any) -> Image:
    labels = None
    if record["labels"] is not None:
        labels = tuple(sorted(_label(pair) for pair in get(record, "labels", list)))
    mode, uid, gid = (get(record, name, int) for name in ("mode", "uid", "gid"))
    image = Image(_bytes(record["data"]), mode, uid, gid, labels)
    if not (0 <= image.mode <= 0o7777 and 0 <= image.uid < _NO_ID and 0 <= image.gid < _NO_ID):
        raise ValueError("a file of it has an impossible mode or owner")
    if len(image.data) > FILE_BYTES:
        raise ValueError("a file of it is larger than 1 MiB")
    return image


def _bytes(value: Any) -> bytes:
    if type(value) is dict:
        return b64decode(get(value, "base64", str), validate=True)
    text: str = _is(value, str)
    return text.encode()


def _label(pair: Any) -> tuple[str, bytes]:
    """Read an extended attribute: its name has at most 255 bytes, its value 64 KiB (xattr(7))."""
    name, value = get(pair, 0, str), b64decode(get(pair, 1, str))
    if not 0 < len(os.fsencode(name)) <= 255 or "\0" in name or len(value) > 1 << 16:
        raise ValueError("a file of it has an impossible label")
    return name, value


def get(record: Any, name: str | int, kind: type) -> Any:
    """Take a field that must be of a kind; TypeError where it is not."""
    if type(record[name]) is not kind:
        raise TypeError(f"its field {name!r} is wrong")
    return record[name]


def _is(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError("a field of it is wrong")
    return value
