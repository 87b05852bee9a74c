"""CHANGELOG names every command, every module, and the version of each schema."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_the_version_of_every_schema_is_told() -> None:
    for path in (ROOT / "src").rglob("*.schema.json"):
        version = json.loads(path.read_text())["properties"].get("schema_version")
        if version is not None:
            assert f"`{path.name}` {version['const']}" in CHANGELOG
