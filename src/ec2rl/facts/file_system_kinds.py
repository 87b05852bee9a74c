"""Which kinds of file systems a machine's kernels can mount, and what keeps a module from it.

A kernel asks modprobe(8) for `fs-KIND` (fs/filesystems.c, get_fs_type(), 2.6 to 6.18).
"""

from __future__ import annotations

from ec2rl.facts import conf_files
from ec2rl.facts.modprobe_conf import commands, module_name
from ec2rl.facts.proc import release
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
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
    asked = {one for one in kinds if one and "," not in one and not one.startswith("fuse")}
    asked -= set(_NO_MODULE)
    if not asked:
        return Kinds()
    known = host.read("/proc/filesystems")
    here = set(known.text.split()) if isinstance(known, Evidence) else set()
    left = asked - here
    return Kinds(_unknown(host, left), tuple(_blocked(host, left)), _closed(host)) if left else (
        Kinds(closed=_closed(host))
    )  # fmt: skip


def _unknown(host: Host, kinds: set[str]) -> frozenset[str]:
    """Those that no kernel has as a module or built in, and no helper of mount(8) mounts."""
    left = {one for one in kinds if "\r" not in one}
    is_told = False
    for kernel in _kernels(host):
        aliases = host.read(f"/lib/modules/{kernel}/modules.alias")
        built = host.read(f"/lib/modules/{kernel}/modules.builtin")
        if isinstance(aliases, Unreadable) or isinstance(built, Unreadable) or not aliases.text:
            return frozenset()
        is_told = True
        inside = host.read(f"/lib/modules/{kernel}/modules.builtin.modinfo")
        more = inside.text if isinstance(inside, Evidence) else ""
        left = {
            one for one in left
            if f"alias fs-{one} " not in aliases.text and f"/{one}.ko" not in built.text
            and f".alias=fs-{one}\0" not in more
        }  # fmt: skip
    if not left or not is_told:
        return frozenset()
    for folder in _HELPERS:
        names = host.names(folder)
        helpers = names if isinstance(names, tuple) else ()
        left = {one for one in left if f"mount.{one}" not in helpers}
    return frozenset(left)


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
