"""Whether a kernel has a driver: built in, as a module, or not at all (modules.* of kbuild)."""

from __future__ import annotations

from ec2rl.facts import conf_files
from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.facts.modprobe_conf import commands, module_name
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = "/lib/modules"
_LISTS = ("modules.builtin", "modules.dep")
_SWITCHES = ("module_blacklist", "modprobe.blacklist", "rd.driver.blacklist")
_HARMLESS = ("true", "false", ":")


class Form(Choice):
    """How a kernel has a driver."""

    BUILT_IN = "built in"
    MODULE = "a module"
    ABSENT = "absent"


def forms(host: Host, release: str, names: tuple[str, ...]) -> dict[str, Form] | Unreadable:
    """Tell of each driver how a kernel has it, by the lists that were installed with it."""
    texts = []
    for name in _LISTS:
        found = host.read(f"{MODULES}/{release}/{name}")
        if isinstance(found, Unreadable):
            return found
        texts.append(found.text)
    return {name: _form(texts[0], texts[1], name) for name in names}


def _form(built: str, modules: str, name: str) -> Form:
    endings = {f"/{one}.ko" for one in (name, name.replace("_", "-"))}
    if any(f"{one}\n" in built for one in endings):
        return Form.BUILT_IN
    # A path, packed or not, and a colon, at the beginning of a line.
    is_there = any(
        f"{one}{packed}:" in modules for one in endings for packed in ("", ".xz", ".gz", ".zst")
    )
    return Form.MODULE if is_there else Form.ABSENT


@record(frozen=True)
class Switch:
    """What keeps a module from being loaded."""

    module: str
    line: Evidence


def switched_off(host: Host, words: str, names: tuple[str, ...]) -> Iterator[Switch]:
    """Find what keeps modules from being loaded: the command line, then lines of modprobe.d(5)."""
    for one in arguments(words):
        for name in (one.value or "").split(",") if one.name in _SWITCHES else ():
            if module_name(name) in names:
                yield Switch(module_name(name), Evidence("the command line", one.text))
    for item in conf_files.merged(host, conf_files.folders("modprobe.d"), ".conf"):
        if not isinstance(item, Evidence) or not any(name in item.text for name in names):
            continue
        for line in commands(item.source, item.text):
            name = module_name(line.words[1]) if len(line.words) > 1 else ""
            program = line.words[2].rpartition("/")[2] if len(line.words) > 2 else ""
            is_install = line.words[0] == "install" and program in _HARMLESS
            if name in names and (line.words[0] == "blacklist" or is_install):
                yield Switch(name, line.evidence())
