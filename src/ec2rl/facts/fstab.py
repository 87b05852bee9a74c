"""/etc/fstab as systemd reads it, and what each line makes the next boot do.

Lines are those of getmntent(3) (glibc, misc/mntent_r.c, 2.17 to 2.41); what becomes of them is what
src/fstab-generator/fstab-generator.c makes (systemd 219 to 257).  tests/facts/test_fstab_oracle.py
holds both against that generator itself.
"""

from __future__ import annotations

from ec2rl.facts.unit_names import device_path, unit_name
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FSTAB = "/etc/fstab"
LOCAL, REMOTE, SWAPS = "local-fs.target", "remote-fs.target", "swap.target"
_LONGEST = 4095
"""Bytes of a line, with its end; getmntent(3) forgets what is behind them."""
_MOST_LINES = 100_000
MOST = 2000
"""Lines that mount something; whoever has more is told that the rest was not looked at."""

_NETWORKS = (
    "afs", "ceph", "cifs", "smb3", "smbfs", "sshfs", "ncpfs", "ncp", "nfs", "nfs4", "gfs", "gfs2",
    "glusterfs", "pvfs2", "ocfs2", "lustre", "davfs",
)  # fmt: skip
"""Types that wait for the network by themselves (src/basic/mountpoint-util.c, 252)."""
_APIS = (
    "/proc", "/sys", "/dev", "/dev/shm", "/dev/pts",  # noqa: S108 - names, nothing is written
    "/run", "/run/lock", "/sys/fs/selinux",
    "/dev/console", "/proc/kmsg", "/proc/sys", "/proc/sys/kernel/random/boot_id",
    "/sys/kernel/security", "/sys/fs/smackfs", "/sys/fs/cgroup", "/sys/fs/pstore",
    "/sys/firmware/efi/efivars", "/sys/fs/bpf",
)  # fmt: skip
"""What systemd mounts itself, and fstab does not change (src/shared/mount-setup.c)."""
_TAGS = ("UUID", "LABEL", "PARTUUID", "PARTLABEL")


@record(frozen=True)
class Entry:
    """A line that names what to mount: `number` from 1, `text` as it stands, without its end.

    `rest` is what stands behind the sixth field, which nobody reads.
    """

    number: int
    text: str
    what: str
    where: str
    kind: str = ""
    options: tuple[str, ...] = ()
    fields: int = 6
    passno: int = 0
    rest: str = ""

    @property
    def device(self) -> str:
        """Name the device node that systemd waits for, "" for what is none."""
        path = device_path(self.what)
        return path if path.startswith("/dev/") else ""

    @property
    def source(self) -> str:
        """Name what is mounted, with a tag as the link that udev makes of it."""
        return device_path(self.what)

    @property
    def tag(self) -> str:
        """Give `UUID` and the like, "" for a path."""
        tag = self.what.partition("=")[0]
        return tag if tag in _TAGS and "=" in self.what else ""

    @property
    def folder(self) -> str:
        """Give the mount point from the root on, with no slash too many."""
        return simple(f"/{self.where}")

    @property
    def is_swap(self) -> bool:
        return self.kind == "swap"

    @property
    def unit(self) -> str:
        """Name the unit that systemd makes of it, "" for none."""
        return unit_name(self.source, ".swap") if self.is_swap else unit_name(self.folder, ".mount")

    @property
    def is_network(self) -> bool:
        kind = self.kind.removeprefix("fuse.")
        return "_netdev" in self.options or kind in _NETWORKS

    @property
    def is_root(self) -> bool:
        return not self.is_swap and self.folder == "/"

    @property
    def is_automatic(self) -> bool:
        """Whether it is mounted, or swapped to, at boot."""
        is_late = not self.is_swap and any(one in self.options for one in _LATE)
        return self.is_root or not (self._last("noauto", "auto") == "noauto" or is_late)

    @property
    def is_nofail(self) -> bool:
        return not self.is_root and self._last("nofail", "fail") == "nofail"

    @property
    def target(self) -> str:
        """Name the target that pulls it in, "" for a line that mounts nothing at boot."""
        if not self.is_automatic or self.ignored:
            return ""
        if self.is_swap:
            return SWAPS
        own = any(one.startswith(_OTHERS) for one in self.options) and not self.is_root
        return "" if own else REMOTE if self.is_network else LOCAL

    @property
    def stops_boot(self) -> bool:
        """Whether a boot ends in emergency mode without it: alone local-fs.target does that."""
        return self.target == LOCAL and not self.is_nofail

    @property
    def ignored(self) -> str:
        """Say why systemd passes it over, "" where it does not."""
        if self.is_swap:
            return "" if self.unit else "no name of a unit can be made of it"
        if self.kind == "autofs":
            return "of type autofs"
        if "/" not in self.where:
            return "its mount point is no path"
        if not unit_name(self.folder, ".mount"):
            return "its mount point has .. in it"
        is_api = self.folder in _APIS or self.folder.startswith("/sys/fs/cgroup/")
        return "systemd mounts that itself" if is_api else ""

    @property
    def timeout(self) -> str:
        """Give how long systemd waits for its device as the line says it, "" for the default."""
        names = ("x-systemd.device-timeout=", "comment=systemd.device-timeout=")
        found = [one.partition("timeout=")[2] for one in self.options if one.startswith(names)]
        return found[-1] if found else ""

    def _last(self, *names: str) -> str:
        found = [one for one in self.options if one in names]
        return found[-1] if found else ""


_LATE = ("x-systemd.automount", "comment=systemd.automount")
"""What is mounted when somebody looks at it, and not at boot."""
_OTHERS = ("x-systemd.wanted-by=", "x-systemd.required-by=")


@record(frozen=True)
class Fstab:
    """The lines of a file; `lost` says what was not looked at, "" for nothing."""

    entries: tuple[Entry, ...]
    lost: str = ""

    def doubled(self) -> tuple[tuple[Entry, Entry], ...]:
        """Give the lines of a mount point that has one already: systemd takes the first alone."""
        first: dict[str, Entry] = {}
        named = [one for one in self.entries if one.unit and not one.ignored]
        firsts = [first.setdefault(one.unit, one) for one in named]
        return tuple((had, one) for had, one in zip(firsts, named) if had is not one)


def parse_fstab(text: str) -> Fstab:
    """Read a file; of one with very many lines the first ones."""
    lines = text.split("\n", _MOST_LINES)
    lost = f"lines behind the {_MOST_LINES:,}th" if len(lines) > _MOST_LINES else ""
    entries: list[Entry] = []
    for one in _entries(lines[:_MOST_LINES]):
        if len(entries) == MOST:
            lost = f"lines behind line {entries[-1].number}: more than {MOST:,} mount something"
            break
        entries.append(one)
    if "\0" in text:
        lost = "what stands behind NUL bytes"
    return Fstab(tuple(entries), lost)


def _entries(lines: Sequence[str]) -> Iterator[Entry]:
    passed_over = False
    for number, line in enumerate(lines, 1):
        if passed_over:
            passed_over = False
            continue
        # Behind a NUL getmntent(3) finds no end of the line, and takes the next one for its rest.
        text, nul, _ = line[:_LONGEST].partition("\0")
        passed_over = bool(nul)
        entry = None if passed_over and len(line) >= _LONGEST else _entry(number, text, line)
        if entry is not None:
            yield entry


def _entry(number: int, line: str, text: str) -> Entry | None:
    """The entry of a line, None for a comment or an empty one."""
    if not line.strip(" \t") or line.lstrip(" \t")[0] == "#":
        return None
    fields, rest = _fields(line)
    what, where, kind, options = (_decoded(one) for one in (*fields, "", "", "", "")[:4])
    numbers, more = _numbers(rest)
    return Entry(
        number, text, what, where, kind, _split(options), len(fields) + len(numbers),
        numbers[1] if len(numbers) > 1 else 0, more,
    )  # fmt: skip


def _fields(line: str) -> tuple[list[str], str]:
    """The first four fields of a line, which blanks and tabs part, and what is behind them."""
    found: list[str] = []
    rest = line.strip(" \t")
    while rest and len(found) < 4:
        end = min((at for at in (rest.find(" "), rest.find("\t")) if at >= 0), default=len(rest))
        found.append(rest[:end])
        rest = rest[end:].lstrip(" \t")
    return found, rest


def _numbers(rest: str) -> tuple[list[int], str]:
    """The last two fields as sscanf(3) reads `%d %d`, and what it leaves."""
    import re

    found: list[int] = []
    while len(found) < 2:
        number = re.match(r"[ \t\r\v\f]*([+-]?[0-9]{1,18})", rest)
        if number is None:
            break
        found.append(int(number[1]))
        rest = rest[number.end() :]
    return found, rest.strip(" \t\r")


_OCTAL = {"040": " ", "011": "\t", "012": "\n", "134": "\\"}


def _decoded(field: str) -> str:
    """A field without its escapes (decode_name() in misc/mntent_r.c)."""
    if "\\" not in field:
        return field
    import re

    return re.sub(r"\\(040|011|012|134|\\)", lambda found: _OCTAL.get(found[1], "\\"), field)


def _split(options: str) -> tuple[str, ...]:
    """Options by the commas between them: one behind a backslash belongs to a value."""
    if "\\," not in options:
        return tuple(one for one in options.split(",") if one)
    found = options.replace("\\,", "\0").split(",")
    return tuple(one.replace("\0", ",") for one in found if one)


def simple(path: str) -> str:
    """Give a path without doubled slashes, single dots, or a slash at its end."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
