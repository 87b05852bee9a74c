"""A file that this program made, and nobody else can have written: whatever else is there is not.

In a mount namespace of its own, on a /var/lib of its own.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from ec2rl.host.live import LiveHost
from ec2rl.model import Evidence, Unreadable
from fix.apart import NEWNS, apart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.root

FOLDER = "/var/lib/ec2rl/changes"
PATH = f"{FOLDER}/1.json"
FOLDER_OF_OTHERS = "failed (its folder can be written by others)"
OF_OTHERS = "failed (can be written by others)"
NO_FILE = "failed (is not a regular file with one name)"


def read(spoil: Callable[[], object]) -> str:
    """What a look at our file gives, after something was done to it."""

    def inside() -> str:
        mount = ["mount", "-t", "tmpfs", "-o", "mode=755", "none", "/var/lib"]
        subprocess.run(mount, check=True)
        os.umask(0o077)
        os.makedirs(FOLDER)
        with open(PATH, "w") as file:
            file.write("ours\n")
        spoil()
        found = LiveHost().read_own(PATH)
        assert isinstance(found, (Evidence, Unreadable))
        return found.text if isinstance(found, Evidence) else str(found)

    return apart(NEWNS, inside)


def moved_and(make: Callable[[str, str], object]) -> Callable[[], object]:
    def spoil() -> None:
        os.rename(PATH, f"{FOLDER}/aside")
        make(f"{FOLDER}/aside", PATH)

    return spoil


def test_our_own_file_is_read() -> None:
    assert read(lambda: None) == "ours\n"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda: os.chown(PATH, 1234, 0), OF_OTHERS),
        (lambda: os.chmod(PATH, 0o620), OF_OTHERS),
        (lambda: os.chmod(PATH, 0o602), OF_OTHERS),
        (lambda: os.chown(FOLDER, 1234, 0), FOLDER_OF_OTHERS),
        (lambda: os.chmod(FOLDER, 0o770), FOLDER_OF_OTHERS),
        (
            lambda: os.chmod("/var/lib/ec2rl", 0o1777),
            FOLDER_OF_OTHERS,
        ),
        (moved_and(os.symlink), "failed (Too many levels of symbolic links)"),
        (moved_and(os.link), NO_FILE),
        (
            moved_and(lambda _, path: os.mkfifo(path)),
            NO_FILE,
        ),
        (moved_and(lambda _, path: os.mkdir(path)), NO_FILE),
        (lambda: os.unlink(PATH), "absent"),
        (lambda: os.truncate(PATH, 17 << 20), "partial (larger than 16 MiB)"),
    ],
    ids=range(12),
)
def test_what_somebody_else_may_have_written_is_not(spoil: Callable[[], object], why: str) -> None:
    assert read(spoil) == f"{PATH}: {why}"


def test_nor_one_behind_a_folder_that_is_a_link() -> None:
    def spoil() -> None:
        os.rename("/var/lib/ec2rl", "/var/lib/aside")
        os.symlink("aside", "/var/lib/ec2rl")

    # What the kernel says of O_DIRECTORY beside O_NOFOLLOW (open(2)).
    assert read(spoil) == f"{PATH}: absent"
