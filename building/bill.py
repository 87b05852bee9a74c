"""The software bill of materials: CycloneDX 1.6, of a program that has no parts of others."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from building.sources import ROOT


def bill(names: Iterable[str], artefacts: Iterable[Path], version: str, when: int) -> str:
    """Give the bill: what is released, and each file of the program, with their checksums."""
    files = [_file(name, (ROOT / "src" / name).read_bytes()) for name in names]
    made = [_file(path.name, path.read_bytes()) for path in sorted(artefacts)]
    seen = "".join(one["hashes"][0]["content"] for one in (*made, *files))
    reference = f"pkg:generic/ec2rl@{version}"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seen)}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
            "component": {
                "type": "application",
                "bom-ref": reference,
                "name": "ec2rl",
                "version": version,
                "purl": reference,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": [*made, *files],
        "dependencies": [{"ref": reference, "dependsOn": []}],
    }
    return json.dumps(document, indent=1) + "\n"


def _file(name: str, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    hashes = [{"alg": "SHA-256", "content": digest}]
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": hashes}
