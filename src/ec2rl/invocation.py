"""How this program is called here, so that a command that it prints can be typed as it stands."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CALLED = "EC2RL_CALLED"
"""The variable by which the launcher tells under which name it was called."""
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-+=:,@%")


class _Here:
    """What stands before the words of a command: set once, as the program starts."""

    name = "./ec2rl"
    sudo = "sudo "


def settle(environment: Mapping[str, str], argument: str) -> None:
    """Take the name that was typed; `argument` is the one that Python was given.

    A person who has come by sudo(8) needs it for the next command as well.
    """
    called = environment.get(CALLED) or argument
    named_by_python = ("", "-", "-c", "-m", "__main__.py")
    if os.path.basename(called) in named_by_python or not called.isprintable():
        return
    folder, _, name = called.rpartition("/")
    _Here.name = quoted(name if folder in _PATH else called if "/" in called else f"./{name}")
    is_root = os.geteuid() == 0 and environment.get("SUDO_UID", "0") == "0"
    _Here.sudo = "" if is_root else "sudo "


def quoted(word: str) -> str:
    """Quote a word where a shell would take it for more than letters."""
    if _SAFE.issuperset(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"  # as shlex.quote; python3-minimal has none


def to_type(words: str, root: bool = True) -> str:
    """Give a command of this program as it is typed here; `root` is whether it needs root."""
    return f"{sudo() if root else ''}{_Here.name} {words}"


def sudo() -> str:
    """Give what stands before a command that needs root, "" where a person is root."""
    return _Here.sudo
