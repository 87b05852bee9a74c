"""modprobe.d, modules-load.d, the kernel command line: what a module is loaded with, and when."""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts.conf_files import joined_lines
from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.model import Evidence
from ec2rl.record import record


@record(frozen=True)
class Command:
    """One command of a modprobe.d file, with its continuation lines joined; `line` is its first."""

    path: str
    line: int
    text: str
    words: tuple[str, ...]

    def evidence(self) -> Evidence:
        return Evidence(f"{self.path}:{self.line}", self.text[:200])

    def concerns(self, module: str) -> bool:
        return len(self.words) > 1 and module_name(self.words[1]) == module


@record(frozen=True)
class Parameter:
    """A value for a parameter of a module, and who gives it."""

    name: str
    value: str
    given: Evidence


def module_name(name: str) -> str:
    """Give a module's name as the kernel has it: `-` and `_` are the same to modprobe(8)."""
    return name.replace("-", "_")


def commands(path: str, text: str) -> Iterator[Command]:
    """Yield the commands of one modprobe.d file (modprobe.d(5))."""
    for number, line in joined_lines(text):
        words = tuple(line.split())
        if words and not words[0].startswith("#"):
            yield Command(path, number, line.strip(), words)


def parameters(command: Command) -> Iterator[Parameter]:
    """Yield the parameters of an `options` command."""
    if command.words[0] == "options":
        for word in command.words[2:]:
            name, _, value = word.partition("=")
            yield Parameter(module_name(name), value.strip('"'), command.evidence())


def from_command_line(source: str, text: str, module: str) -> Iterator[Parameter]:
    """Yield `module.parameter=value` of a kernel command line.

    Modprobe obeys it as the kernel does.
    """
    for word in arguments(text):
        owner, dot, parameter = module_name(word.name).partition(".")
        if dot and owner == module:
            yield Parameter(parameter, word.value or "", Evidence(source, word.text))


def named_modules(path: str, text: str) -> Iterator[tuple[str, Evidence]]:
    """Yield the modules that a modules-load.d file names, one a line (modules-load.d(5))."""
    for number, line in enumerate(text.split("\n"), 1):
        name = line.strip()
        if name and name[0] not in "#;":
            yield module_name(name), Evidence(f"{path}:{number}", name)


def kernel_uint(text: str) -> int | None:
    """Give a number as kstrtouint() reads a module parameter: all of it, C's bases.

    None for EINVAL.
    """
    digits, base = text.removeprefix("+"), 10
    if digits[:2] in ("0x", "0X"):
        digits, base = digits[2:], 16
    elif digits[:1] == "0":
        base = 8
    allowed = "0123456789abcdefABCDEF" if base == 16 else "0123456789"[:base]
    if not digits or len(digits) > 64 or digits.strip(allowed):
        return None
    value = int(digits, base)
    return value if value < 1 << 32 else None
