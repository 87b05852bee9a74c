"""Where a network interface's name or configuration is bound to a MAC address.

udev(7) rules, systemd.link(5), systemd.network(5), netplan's YAML (match: macaddress), ifcfg files
of initscripts (sysconfig.txt, HWADDR) and NetworkManager's keyfiles (nm-settings-keyfile(5)).
"""

from __future__ import annotations

from ec2rl.host import Host
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Callable

    Found = Iterator["Binding"]
    Parse = Callable[[str, str], Found]

RULE, LINK, NETWORK, NETPLAN, IFCFG, KEYFILE = (
    "udev rule", "systemd.link", "systemd.network", "netplan", "ifcfg", "NetworkManager",
)  # fmt: skip
_FILES, _CHARS, _LINES, _MOST = 64, 256 << 10, 10_000, 128
_CLOUD = ("cloud-init", "by the datasource")
"""What stands in files that cloud-init writes, and writes anew on another instance."""


@record(frozen=True)
class Binding:
    """A MAC address that something is bound to: `name` of the interface, "" for none.

    `lines` are those that make it, from `number` on, as they stand; `is_clouds` is whether
    cloud-init wrote the file.
    """

    path: str
    form: str
    mac: str
    name: str
    number: int
    lines: tuple[str, ...]
    is_clouds: bool = False


def read_bindings(host: Host) -> tuple[tuple[Binding, ...], tuple[Unreadable, ...]]:
    """Read what of a machine is bound, and what of it could not be read."""
    found: list[Binding] = []
    unread: list[Unreadable] = []
    for folder, is_one, parse in _PLACES:
        names = host.names(folder)
        if isinstance(names, Unreadable):
            if names.why is not Why.ABSENT:
                unread.append(names)
            continue
        chosen = [name for name in names if is_one(name)]
        if len(chosen) > _FILES:
            unread.append(Unreadable(folder, Why.PARTIAL, f"more than {_FILES} files"))
        for name in chosen[:_FILES]:
            text = host.read(f"{folder}/{name}")
            if isinstance(text, Unreadable):
                if text.why is not Why.ABSENT:  # a link that leads nowhere
                    unread.append(text)
            elif len(text.text) > _CHARS:
                unread.append(Unreadable(text.source, Why.PARTIAL, "larger than 256 KiB"))
            else:
                found += parse(f"{folder}/{name}", text.text)
    return tuple(found[:_MOST]), tuple(unread)


def mac_of(word: str) -> str:
    """Give a MAC address in the kernel's form, "" for what is none."""
    plain = word.strip().strip("\"'").lower().replace("-", ":")
    parts = plain.split(":")
    is_hex = all(len(one) == 2 and all(char in "0123456789abcdef" for char in one) for one in parts)
    return plain if len(parts) == 6 and is_hex else ""


def _rules(path: str, text: str) -> Found:
    import re

    is_clouds = _is_clouds(text)
    for number, lines in _logical(text):
        whole = "".join(line.rstrip("\r").removesuffix("\\") for line in lines)
        if whole.lstrip().startswith("#"):
            continue
        macs = re.search(r'ATTR\{address\}\s*==\s*"([^"]{1,200})"', whole)
        name = re.search(r'\bNAME\s*:?=\s*"([^"]{1,15})"', whole)
        for one in macs[1].split("|") if macs and name else ():
            if mac_of(one):
                yield Binding(path, RULE, mac_of(one), name[1] if name else "", number, lines,
                              is_clouds)  # fmt: skip


def _logical(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Lines that a backslash joins, with the number of the first."""
    held: list[str] = []
    start = 1
    for number, line in enumerate(text.split("\n")[:_LINES], 1):
        if not held:
            start = number
        held.append(line)
        if not line.rstrip("\r").endswith("\\"):
            yield start, tuple(held)
            held = []


def _ini(text: str) -> Iterator[tuple[int, str, str, str, str]]:
    """Number, section, key and value of each setting of an INI file, and its line."""
    section = ""
    for number, line in enumerate(text.split("\n")[:_LINES], 1):
        plain = line.strip()
        if plain[:1] == "[":
            section = plain.strip("[]").lower()
        elif plain[:1] not in ("#", ";", ""):
            key, found, value = plain.partition("=")
            if found:
                yield number, section, key.strip().lower(), value.strip(), line


def _units(path: str, text: str) -> Found:
    form = LINK if path.endswith(".link") else NETWORK
    rows = [*_ini(text)]
    name = next((row[3] for row in rows if row[1:3] == ("link", "name")), "")
    for number, section, key, value, line in rows:
        if section == "match" and key in ("macaddress", "permanentmacaddress"):
            for one in value.split():
                if mac_of(one):
                    yield Binding(path, form, mac_of(one), name, number, (line,), _is_clouds(text))


def _keyfile(path: str, text: str) -> Found:
    rows = [*_ini(text)]
    name = next((row[3] for row in rows if row[1:3] == ("connection", "interface-name")), "")
    for number, section, key, value, line in rows:
        if section in ("ethernet", "802-3-ethernet") and key == "mac-address" and mac_of(value):
            yield Binding(path, KEYFILE, mac_of(value), name, number, (line,), _is_clouds(text))


def _ifcfg(path: str, text: str) -> Found:
    name, rows = "", []
    for number, line in enumerate(text.split("\n")[:_LINES], 1):
        key, found, value = line.strip().partition("=")
        if key == "DEVICE" and found:
            name = value.split("#")[0].strip().strip("\"'")[:15]
        elif key == "HWADDR" and mac_of(value.split("#")[0]):
            rows.append((number, mac_of(value.split("#")[0]), line))
    for number, mac, line in rows:
        yield Binding(path, IFCFG, mac, name, number, (line,), _is_clouds(text))


def _netplan(path: str, text: str) -> Found:
    """Read `macaddress` below `match`, by indentation; YAML in braces is not understood."""
    match_at, rows = -1, []
    device, name = "", ""
    names: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n")[:_LINES], 1):
        plain = line.strip()
        if not plain or plain[0] == "#":
            continue
        depth = len(line) - len(line.lstrip(" "))
        key, _, value = plain.partition(":")
        above = [one for one in above if one[0] < depth]
        if key == "match":
            match_at, device = depth, above[-1][1] if above else ""
        elif depth <= match_at:
            match_at = -1 if key != "set-name" else match_at
        if key == "macaddress" and 0 <= match_at < depth and mac_of(value.split("#")[0]):
            rows.append((number, mac_of(value.split("#")[0]), device, line))
        if key == "set-name" and above:
            name = value.split("#")[0].strip().strip("\"'")
            names[above[-1][1]] = name
        above.append((depth, key.strip("\"'")))
    for number, mac, device, line in rows:
        name = names.get(device, device)
        yield Binding(path, NETPLAN, mac, name, number, (line,), _is_clouds(text))


def _is_clouds(text: str) -> bool:
    head = "\n".join(line for line in text.split("\n", 12)[:12] if line.lstrip().startswith("#"))
    return any(word in head for word in _CLOUD)


def _ends(*suffixes: str) -> Callable[[str], bool]:
    return lambda name: name.endswith(suffixes) and not name.startswith(".")


_PLACES: Iterable[tuple[str, Callable[[str], bool], Parse]] = (
    ("/etc/udev/rules.d", _ends(".rules"), _rules),
    ("/etc/systemd/network", _ends(".link", ".network"), _units),
    ("/etc/netplan", _ends(".yaml"), _netplan),
    ("/etc/sysconfig/network-scripts", lambda name: name.startswith("ifcfg-"), _ifcfg),
    ("/etc/NetworkManager/system-connections", _ends(".nmconnection"), _keyfile),
)
