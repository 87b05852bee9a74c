"""Which kinds of file systems a machine's kernels can mount, and what keeps a module from it.

A kernel asks modprobe(8) for `fs-KIND` (fs/filesystems.c, get_fs_type(), 2.6 to 6.18).
"""

from __future__ import annotations

from ec2rl.facts import conf_files
from ec2rl.facts.modprobe_conf import commands, module_name
from ec2rl.facts.proc import release
from ec2rl.host import Host
from ec2rl.model import Evidence
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_NO_MODULE = (
    "auto", "none", "swap", "tmpfs", "proc", "sysfs", "devpts", "devtmpfs", "ramfs", "hugetlbfs",
    "mqueue", "debugfs", "tracefs", "securityfs", "bpf", "cgroup", "cgroup2", "configfs", "bind",
    "usbfs", "binfmt_misc", "pstore", "efivarfs",
)  # fmt: skip
"""Kinds that need none, or that mount(8) finds out itself."""
_HELPERS = ("/usr/sbin", "/sbin", "/usr/bin")
_KERNELS = 4
_HARMLESS = ("/bin/true", "/bin/false", "/usr/bin/true", "/usr/bin/false", ":", "true", "false")
CLOSED = "kernel.modules_disabled"


@record(frozen=True)
class Kinds:
    """Kinds of which no kernel here knows anything, those switched off, and by what line.

    `closed` is what closes the loading of modules, None for nothing that is known.
    """

    unknown: frozenset[str] = frozenset()
    blocked: tuple[tuple[str, Evidence], ...] = ()
    closed: Evidence | None = None

    def block(self, kind: str) -> Evidence | None:
        """Give the line that keeps this kind's module from being loaded."""
        return dict(self.blocked).get(kind)


def read_kinds(host: Host, kinds: Collection[str]) -> Kinds:
    """Look what the kernels of a machine make of these kinds; a list of several names any."""
    asked = {one.rstrip("\r") for one in kinds if "," not in one and not one.startswith("fuse")}
    asked -= {"", *_NO_MODULE}
    if not asked:
        return Kinds()
    known = host.read("/proc/filesystems")
    left = asked - set(known.text.split() if isinstance(known, Evidence) else ())
    lists = _lists(host) if left else ()
    built = {one for one in left if lists and all(one in each.built for each in lists)}
    unknown = frozenset(one for one in left if lists and not _is_known(host, one, lists))
    return Kinds(unknown, tuple(_blocked(host, left - built)), _closed(host))


@record(frozen=True)
class _Lists:
    """The kinds that a kernel has built in, and those of its modules."""

    built: frozenset[str]
    modules: frozenset[str]


def _lists(host: Host) -> tuple[_Lists, ...]:
    """Read what the kernels have; nothing where not all of it is told.

    modules.builtin.modinfo is there from 5.2 on; without it a kind may be built in that has another
    name than its module, as iso9660.
    """
    found = []
    for kernel in _kernels(host):
        names = ("modules.alias", "modules.builtin.modinfo")
        told = [host.read(f"/lib/modules/{kernel}/{name}") for name in names]
        texts = [one.text for one in told if isinstance(one, Evidence) and one.text]
        if len(texts) < len(names):
            return ()
        entries = texts[1].replace("\0", "\n").split("\n")
        built = (one.partition(".alias=fs-") for one in entries)
        words = (line.split() for line in texts[0].split("\n") if line.startswith("alias fs-"))
        modules = (line[1][len("fs-") :] for line in words if len(line) == 3)
        found.append(_Lists(frozenset(kind for _, _, kind in built), frozenset(modules)))
    return tuple(found)


def _is_known(host: Host, kind: str, lists: Sequence[_Lists]) -> bool:
    """Whether a kernel has this kind, or a helper of mount(8) mounts it."""
    if any(kind in one.built or kind in one.modules for one in lists):
        return True
    helpers = (host.names(folder) for folder in _HELPERS)
    return any(isinstance(names, tuple) and f"mount.{kind}" in names for names in helpers)


def _kernels(host: Host) -> Sequence[str]:
    running = release(host)
    if running is not None:
        return (running,)
    names = host.names("/lib/modules")
    return names[-_KERNELS:] if isinstance(names, tuple) else ()


def _blocked(host: Host, kinds: Collection[str]) -> list[tuple[str, Evidence]]:
    """The lines `install NAME /bin/true` and the like of modprobe.d; `blacklist` blocks none."""
    found = []
    for item in conf_files.merged(host, conf_files.folders("modprobe.d"), ".conf"):
        if isinstance(item, Evidence) and "install" in item.text:
            for one in commands(item.source, item.text):
                is_install = one.words[0] == "install" and len(one.words) > 2
                if is_install and one.words[2] in _HARMLESS:
                    name = module_name(one.words[1])
                    found += [(kind, one.evidence()) for kind in kinds if _is_of(name, kind)]
    return found


def _is_of(module: str, kind: str) -> bool:
    """Whether a kind needs a module of this name; VFAT lies on FAT."""
    own = {module_name(kind), f"fs_{module_name(kind)}"}
    return module in own or (module == "fat" and kind in ("vfat", "msdos"))


def _closed(host: Host) -> Evidence | None:
    """What closes module loading: the kernel's own word, or a line of sysctl.d."""
    now = host.read("/proc/sys/kernel/modules_disabled")
    if isinstance(now, Evidence):
        return now if now.text.strip() == "1" else None
    files = conf_files.merged(host, conf_files.folders("sysctl.d"), ".conf")
    for item in (*files, host.read("/etc/sysctl.conf")):
        for number, line in (
            enumerate(item.text.split("\n"), 1) if isinstance(item, Evidence) else ()
        ):
            key, _, value = line.partition("=")
            if key.strip(" \t-").replace("/", ".") == CLOSED and value.strip() == "1":
                return Evidence(f"{item.source}:{number}", line.strip())
    return None
