"""`ec2rl boot [KEY...]`: what any setting will be after a reboot, and which line decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.commands import all_commands
from ec2rl.facts import glob
from ec2rl.facts.sysctl_conf import normalize
from ec2rl.host import Host
from ec2rl.host.caching import CachingHost
from ec2rl.model import Unreadable
from ec2rl.next_boot.drop_in import does_not_count, kind_of, named
from ec2rl.next_boot.options import option
from ec2rl.next_boot.paths import ROOTS, dotted, is_missing, is_pattern, nearest
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import NextBoot, Setting
from ec2rl.next_boot.settings import next_boot
from ec2rl.record import replace
from ec2rl.report.next_boot_text import all_told, next_boot_facts, next_boot_text
from ec2rl.slices import file_of
from ec2rl.subcommand import COULD_NOT_LOOK, document, host_of
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def command(args: Parsed, terminal: Terminal) -> int:
    """Tell what settings the next boot gives: 0, or 3 where one of them cannot be told."""
    host = CachingHost(host_of(args.last("root")))
    bare = {word: named(host, word) for word in args.operands if "/" not in word}
    files = [word for word in args.operands if kind_of(word)]
    others = [word for word in args.operands if word not in files and not bare.get(word)]
    files += [path for paths in bare.values() for path in paths]
    keys, options = _sorted(host, others)
    told = [option(host, name) for name in options]
    sysctls = bool(keys or not args.operands)
    if sysctls:
        told += settings_told(host, keys)
    counts = {path: does_not_count(host, path) for path in files}
    found = _together(told)
    missing = [] if args.has("root") else [*_missing(host, keys), *_unloaded(host, options)]
    found = replace(found, warnings=(*found.warnings, *missing))
    write = format_of(args).write
    if write is None:
        asked = {dotted(path) for path in keys}
        runs, width = not args.has("root"), terminal.width
        terminal.out(next_boot_text(found, counts, runs, asked, sysctls, width))
    else:
        terminal.out(write(document(**next_boot_facts(found, counts))))
    unread = found.unread or any(isinstance(why, Unreadable) for why in counts.values())
    return COULD_NOT_LOOK if unread or not all_told(found) else 0


def _sorted(host: Host, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Paths below /proc/sys, and names MODULE.PARAMETER; UsageError for what is neither."""
    keys, options = [], []
    for word in words:
        path = normalize(word.removeprefix("/proc/sys/"))
        first, slash, rest = path.partition("/")
        known = first in ROOTS or is_pattern(first)
        if slash and (known or isinstance(host.names(f"/proc/sys/{first}"), tuple)):
            keys.append(path)
        elif slash and rest in ("conf", "rules"):
            raise UsageError(f"{word!r}: no folder of drop-in files has it: give its path")
        elif slash and "/" not in rest and not is_pattern(path) and word[0] != "/":
            options.append(f"{first}.{rest}")
        else:
            raise UsageError(
                f"{word!r} is no key: write vm.swappiness, net/ipv4/ip_forward, a pattern of keys, "
                "MODULE.PARAMETER, or a file such as /etc/sysctl.d/99-a.conf"
            )
    return keys, options


def _missing(host: Host, keys: Sequence[str]) -> Iterator[str]:
    """What is said of keys that this host has not; one of a module may come with the module."""
    for path in keys:
        if not is_pattern(path) and is_missing(host, path):
            yield f"{dotted(path)}: no such key here{_meant(host, path)}"


def _unloaded(host: Host, options: Sequence[str]) -> Iterator[str]:
    """Give what is said of parameters of modules that are not loaded: such a word may be any."""
    loaded = host.names("/sys/module")
    for name in options:
        module = name.partition(".")[0]
        if isinstance(loaded, tuple) and module.replace("-", "_") not in loaded:
            near = _meant(host, normalize(name))
            yield f"{name}: no such key here, and no module {module} is loaded{near}"


def _meant(host: Host, path: str) -> str:
    near = nearest(host, path)
    return f": did you mean {dotted(near)}?" if near else ""


def _specialists() -> Iterator[Any]:
    """The commands that know more of their own keys: `setting_of` a path, and `boot_settings`."""
    for name in all_commands():
        if name.endswith(" boot"):
            yield __import__(file_of(name), fromlist=["setting_of"])


def settings_told(host: Host, keys: Sequence[str]) -> Iterator[NextBoot]:
    """Tell these keys, paths below /proc/sys; without any all that are set."""
    specialists = list(_specialists())

    def elsewhere(path: str) -> bool:
        return any(one.setting_of(path) is not None for one in specialists)

    general = [path for path in keys if not elsewhere(path)]
    if general or not keys:
        yield next_boot(host, Rules(host, general, elsewhere=elsewhere))
    for one in specialists:
        theirs = [path for path in keys if is_pattern(path) or one.setting_of(path) is not None]
        if theirs or not keys:
            found = one.boot_settings(host, [path for path in theirs if not is_pattern(path)])
            wanted = tuple(each for each in found.settings if _is_wanted(one, each, theirs))
            if wanted:
                by_hand = {
                    each.key: found.by_hand[each.key]
                    for each in wanted
                    if each.key in found.by_hand
                }
                yield NextBoot(wanted, found.reader, by_hand, found.warnings, found.unread)


def _is_wanted(specialist: Any, setting: Setting, keys: Sequence[str]) -> bool:
    if not keys:
        return bool(setting.decided or setting.losers or setting.changers)
    path = normalize(setting.key)
    return any(specialist.setting_of(key) == setting.key or glob.matches(key, path) for key in keys)


def _together(told: Sequence[NextBoot]) -> NextBoot:
    return NextBoot(
        tuple(setting for one in told for setting in one.settings),
        next((one.reader for one in told if one.reader is not None), None),
        {key: value for one in told for key, value in one.by_hand.items()},
        tuple(dict.fromkeys(warning for one in told for warning in one.warnings)),
        tuple(dict.fromkeys(missing for one in told for missing in one.unread)),
    )
