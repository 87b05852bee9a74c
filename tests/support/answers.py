"""The documents that commands answer with, held against the schemas that the project ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from referencing import Registry, Resource

from ec2rl import report

_FOLDER = Path(report.__file__).parent
_READ = {path.name: json.loads(path.read_text()) for path in _FOLDER.glob("*.schema.json")}
COMMANDS: dict[str, Any] = _READ["commands.schema.json"]["$defs"]
_ALL = Registry().with_resources(
    [(name, Resource.from_contents(schema)) for name, schema in _READ.items()]
)


def validate(command: str, text: str) -> Any:
    """Give the document of a command's answer; ValidationError for one that its schema has not."""
    place = "report.schema.json" if command == "run" else f"commands.schema.json#/$defs/{command}"
    made = json.loads(text)
    schema = {"$ref": place.replace(" ", "%20")}
    jsonschema.Draft202012Validator(schema, registry=_ALL).validate(made)
    return made
