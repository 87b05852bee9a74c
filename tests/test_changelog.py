"""CHANGELOG names every command, every module, and the version of each schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ec2rl import __version__
from ec2rl.catalogue import names
from ec2rl.commands import all_commands

ROOT = Path(__file__).resolve().parents[1]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_version_is_the_newest() -> None:
    assert CHANGELOG.startswith(f"# Changelog\n\n## {__version__.partition('.dev')[0]} ")


def test_every_command_is_told() -> None:
    told = set(CHANGELOG.replace("|", " ").replace("`", " ").replace(",", " ").split())
    missing = [name for name in all_commands() if not set(name.split()) <= told]
    assert missing == [], "a command that CHANGELOG.md does not tell of"


def test_every_module_is_told() -> None:
    missing = [name for name in names() if f"`{name}`" not in CHANGELOG]
    assert missing == [], "a module that CHANGELOG.md does not tell of"


def versions(node: Any) -> Iterator[int]:
    """Every version that a schema admits, wherever it says so."""
    if isinstance(node, dict):
        said = node.get("schema_version")
        if isinstance(said, dict):
            yield said["const"]
        for inner in node.values():
            yield from versions(inner)


def test_the_version_of_every_schema_is_told() -> None:
    known = {path: set(versions(json.loads(path.read_text())))
             for path in (ROOT / "src").rglob("*.schema.json")}  # fmt: skip
    assert any(known.values())
    for path, told in known.items():
        for version in told:  # one without is a part of another
            assert f"`{path.name}` {version}" in CHANGELOG
