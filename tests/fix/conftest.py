from __future__ import annotations

import pytest

from fix import small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from ec2rl.fix.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "root"
    root.mkdir()
    return small.build(str(root))
