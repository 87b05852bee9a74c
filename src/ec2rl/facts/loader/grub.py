"""GRUB's menu by its script: what is known of a boot is followed, what is not goes both ways.

grub-core/script/execute.c and commands/{menuentry,test,loadenv}.c, 2.12.  Nothing is run: a few
commands are understood, all others do nothing here.  RHEL and its kin have `blscfg` too.
"""

from __future__ import annotations

from ec2rl.facts.loader.menu import Entry, Menu, Start
from ec2rl.facts.loader.script import (
    QUOTED,
    TEXT,
    Command,
    Function,
    If,
    Loop,
    ScriptError,
    Word,
    parse,
)
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.facts.loader.script import Node

    Values = dict[str, "str | None"]

_STEPS, _CALLS, _LONGEST, _BRANCHES = 50_000, 16, 8 << 10, 64
_FEATURES = (
    *("chainloader_bpb", "ntldr", "platform_search_hint", "default_font_path", "all_video_module"),
    *("menuentry_id", "menuentry_options", "200_final", "nativedisk_cmd", "timeout_style"),
)
_UNKNOWN = (
    "grub_platform",
    "grub_cpu",
    "cmdpath",
    "root",
    "?",
    "lang",
    "net_default_ip",
    "shim_lock",
)
_LINUX = ("linux", "linux16", "linuxefi")
_INITRD = ("initrd", "initrd16", "initrdefi")
_SEARCH = {"--fs-uuid": "UUID", "-u": "UUID", "--label": "LABEL", "-l": "LABEL"}
_SWITCHES = ("--fs-uuid", "-u", "--label", "-l", "--file", "-f", "--no-floppy", "-n", "-s")


def read_menu(
    path: str,
    text: str,
    env: Mapping[str, str] | None,
    bls: Sequence[Entry] = (),
    has_env: bool = True,
) -> Menu:
    """Tell the menu of one grub.cfg; ScriptError.

    `env` are the variables of grubenv, None where they could not be read; `bls` the entries of the
    Boot Loader Specification, in their order.
    """
    reader = _Reader(path, env, bls, has_env)
    reader.run(parse(text), reader.values)
    reader.run_bodies()
    return reader.menu()


class _Reader:
    """A script that is followed; `values` are None where nobody knows them."""

    def __init__(
        self, path: str, env: Mapping[str, str] | None, bls: Sequence[Entry], has_env: bool
    ) -> None:
        self._path = path
        self._env = env
        self._has_env = has_env
        self._bls = bls
        self._functions: dict[str, tuple[Node, ...]] = {}
        self._steps = self._calls = self._doubt = 0
        self._entries: list[Entry] = []
        self._bodies: list[tuple[list[Entry], int, tuple[Node, ...]]] = []
        self._starts: list[Start] | None = None
        self._device = ("", "")
        self._set_in: dict[str, tuple[int, str]] = {}
        self.values: Values = {
            **{f"feature_{name}": "y" for name in _FEATURES},
            **dict.fromkeys(_UNKNOWN),
            "prefix": path.rpartition("/")[0],
        }

    def menu(self) -> Menu:
        default = self.values.get("default", "")
        line, by = self._set_in.get("default", (0, "set"))
        if by == "set" and default is None and self._env is None:
            by = "saved_entry"
        return Menu(
            self._path,
            finished(self._entries),
            default,
            self.values.get("fallback") or "",
            by,
            line,
        )

    def run(self, nodes: Sequence[Node], values: Values) -> None:
        """Follow commands, which change the values."""
        for node in nodes:
            self._steps += 1
            if self._steps > _STEPS:
                raise ScriptError(f"more than {_STEPS:,} commands")
            if isinstance(node, If):
                if len(node.branches) > _BRANCHES:
                    raise ScriptError(f"an if with more than {_BRANCHES} branches")
                self._branch(node.branches, values)
            elif isinstance(node, Loop):
                self._both(node.body, (), values)
            elif isinstance(node, Function):
                self._functions[node.name] = node.body
            else:
                self._command(node, values)

    def run_bodies(self) -> None:
        """Follow what the entries do, with the values that the menu was shown with."""
        for entries, at, body in self._bodies:
            self._starts, self._device = [], ("", "")
            self.run(body, dict(self.values))
            entries[at] = replace(entries[at], starts=tuple(self._starts))
        self._starts = None

    def _branch(
        self, branches: Sequence[tuple[tuple[Node, ...], tuple[Node, ...]]], values: Values
    ) -> None:
        if not branches:
            return
        test, body = branches[0]
        holds = self._holds(test, values)
        # What an entry starts is told of each of its ways: it may try one after the other.
        if self._starts is not None and test:
            holds = None
        if holds:
            self.run(body, values)
        elif holds is None:
            self._both(body, (If(tuple(branches[1:])),), values)
        else:
            self._branch(branches[1:], values)

    def _both(self, one: Sequence[Node], other: Sequence[Node], values: Values) -> None:
        """Go both ways; where they differ nobody knows a value."""
        self._steps += len(values) // 8
        first, second = dict(values), dict(values)
        device = self._device
        self._doubt += 1
        self.run(one, first)
        self._device = device
        self.run(other, second)
        self._doubt -= 1
        for name in {*first, *second}:
            known = first.get(name, "")
            values[name] = known if known == second.get(name, "") else None

    def _holds(self, test: Sequence[Node], values: Values) -> bool | None:
        """Whether a condition holds: its last command."""
        if not test:
            return True
        last = test[-1]
        if len(test) > 1 or not isinstance(last, Command):
            return None
        words = self._expanded(last.words, values)
        if words is None:
            return None
        if words[:1] == ["["] and words[-1:] == ["]"]:
            return self._test(words[1:-1])
        return self._test(words[1:]) if words[:1] == ["test"] else None

    def _test(self, words: list[str]) -> bool | None:
        if words[:1] == ["!"]:
            found = self._test(words[1:])
            return None if found is None else not found
        if not words:
            return False
        if len(words) == 1:
            return bool(words[0])
        if len(words) == 2 and words[0] in ("-n", "-z"):
            return bool(words[1]) == (words[0] == "-n")
        if len(words) == 2 and words[0] in ("-e", "-f", "-s"):
            return self._has_env if words[1].endswith("/grubenv") else None
        if len(words) == 3 and words[1] in ("=", "==", "!="):
            return (words[0] == words[2]) == (words[1] != "!=")
        return None

    def _command(self, node: Command, values: Values) -> None:
        words = self._expanded(node.words, values)
        name = node.words[0].plain if node.words else ""
        if name == "set" or ("=" in (name or self._head(node)) and len(node.words) == 1):
            self._set(node, values)
        elif name in ("menuentry", "submenu"):
            self._entry(node, values)
        elif name == "load_env":
            self._load(words, values)
        elif name == "unset":
            values.update(dict.fromkeys(words[1:] if words else (), ""))
        elif name == "blscfg":
            self._entries += [replace(one, is_sure=not self._doubt) for one in self._bls]
        elif name in self._functions:
            self._call(name, values)
        elif self._starts is not None:
            self._in_entry(name, words, values)

    def _head(self, node: Command) -> str:
        return node.words[0].parts[0][1] if node.words and node.words[0].parts else ""

    def _call(self, name: str, values: Values) -> None:
        self._calls += 1
        if self._calls > _CALLS:
            raise ScriptError(f"more than {_CALLS} functions in each other")
        self.run(self._functions[name], values)
        self._calls -= 1

    def _load(self, words: list[str] | None, values: Values) -> None:
        """Load grubenv: all of it, or what is named."""
        names = [one for one in (words or [])[1:] if not one.startswith("-")]
        if words and ("-f" in words or "--file" in words):
            names = names[1:]
        if self._env is None:
            values.update(dict.fromkeys(names or ("saved_entry", "next_entry", "kernelopts")))
            return
        values.update({key: one for key, one in self._env.items() if not names or key in names})

    def _set(self, node: Command, values: Values) -> None:
        words = node.words[1:] if node.words[0].plain == "set" else node.words
        for word in words[:1]:
            parts = word.parts
            name, equals, begun = parts[0][1].partition("=") if parts else ("", "", "")
            while not equals and len(parts) > 1 and parts[1][0] == TEXT:
                name, equals, begun = (name + parts[1][1]).partition("=")
                parts = ((TEXT, ""), *parts[2:])
            if not equals or parts[0][0] != TEXT:
                continue
            rest = ((TEXT, begun), *parts[1:])
            values[name] = self._joined(Word(rest, word.line), values)
            used = [text for kind, text in rest if kind != TEXT]
            by = used[0] if used in (["saved_entry"], ["next_entry"]) else "set"
            self._set_in[name] = (word.line, by)

    def _entry(self, node: Command, values: Values) -> None:
        if node.block is None or self._starts is not None:
            return
        words = self._arguments(node, values)
        title, id_, at = "", "", 0
        while at < len(words):
            word = words[at]
            if word in ("--id", "--class", "--users", "--hotkey", "--source"):
                id_ = words[at + 1] if word == "--id" and at + 1 < len(words) else id_
                at += 1
            elif word.startswith("--id="):
                id_ = word[5:]
            elif not word.startswith("--") and not title:
                title = word
            at += 1
        entry = Entry(title, id_ or title, f"{self._path}:{node.line}", is_sure=not self._doubt)
        if node.words[0].plain == "menuentry":
            self._bodies.append((self._entries, len(self._entries), node.block))
            self._entries.append(entry)
            return
        above, self._entries = self._entries, []
        self._calls += 1
        self.run(node.block, values)
        self._calls -= 1
        inside, self._entries = self._entries, above
        # The list itself, for the bodies that are followed later, and the tuple at the end.
        self._entries.append(replace(entry, inside=inside))  # type: ignore[arg-type]

    def _arguments(self, node: Command, values: Values) -> list[str]:
        found: list[str] = []
        for word in node.words[1:]:
            told = self._joined(word, values)
            if told or word.is_plain:
                found.append(told or "")
        return found

    def _in_entry(self, name: str, words: list[str] | None, values: Values) -> None:
        assert self._starts is not None
        if name == "search" or name.startswith("search."):
            self._search(name, words)
        elif name in _LINUX:
            if words is None or len(words) < 2:
                self._starts.append(Start("", device=self._device, is_known=False))
            else:
                line = " ".join(words[2:])[:_LONGEST]
                self._starts.append(Start(words[1], line, device=self._device))
        elif name in _INITRD and self._starts:
            last = self._starts[-1]
            files = tuple(one for one in (words or ())[1:] if not one.startswith("--"))
            is_known = last.is_known and words is not None
            self._starts[-1] = replace(last, initrds=(*last.initrds, *files), is_known=is_known)

    def _search(self, name: str, words: list[str] | None) -> None:
        self._device = ("", "")
        if words and name == "search.fs_uuid":
            self._device = ("UUID", words[1]) if len(words) > 1 else ("", "")
        elif words and name == "search":
            tag = next((_SEARCH[one] for one in words if one in _SEARCH), "")
            named = [one for one in words[1:] if not one.startswith("-")]
            self._device = (tag, named[-1]) if tag and named else ("", "")

    def _expanded(self, words: Sequence[Word], values: Values) -> list[str] | None:
        """The words with their variables; None where one of these is not known."""
        found: list[str] = []
        for word in words:
            told = self._joined(word, values)
            if told is None:
                return None
            is_open = not word.is_plain and all(kind != QUOTED for kind, _ in word.parts)
            is_all = is_open and len(word.parts) == 1
            found += told.split() if is_all else [told]
        return found

    def _joined(self, word: Word, values: Values) -> str | None:
        if word.is_plain:
            return word.plain
        texts: list[str] = []
        for kind, text in word.parts:
            told = text if kind == TEXT else values.get(text, "")
            if told is None:
                return None
            texts.append(told)
        return "".join(texts)[:_LONGEST]


def finished(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Give entries with those of submenus as they are in the end."""
    return tuple(
        one if one.inside is None else replace(one, inside=finished(one.inside)) for one in entries
    )
