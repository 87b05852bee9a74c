"""Modules that are taken from the bytecode that Python has kept of them."""

import os
import py_compile
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ec2rl.kept import Finder

SRC = str(Path(__file__).resolve().parents[1] / "src")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one in it, and two modules that say what they are."""
    folder = tmp_path / "ours"
    for name, words in {
        "__init__.py": "",
        "one.py": "SAID = 'kept'\n",
        "inner/__init__.py": "SAID = 'kept'\n",
        "inner/two.py": "from ours.one import SAID\n",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(words)
        py_compile.compile(str(folder / name), doraise=True)
    return folder


def kept(folder: Path, name: str = "one") -> Path:
    place = folder / name
    return place.parent / "__pycache__" / f"{place.name}.{sys.implementation.cache_tag}.pyc"


def said(folder: Path, words: str, *options: str) -> str:
    """What Python prints with our finder in front; who found a module is `__loader__`."""
    program = (
        f"import sys; sys.path[:0] = [{str(folder.parent)!r}, {SRC!r}]\n"
        f"from ec2rl import kept; kept.use({str(folder)!r})\n{words}"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", *options, "-c", program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


ONE = "from ours import one; print(one.SAID, type(one.__loader__).__module__)"


def test_modules_and_packages_are_taken_from_what_is_kept(package: Path) -> None:
    assert said(package, ONE) == "kept ec2rl.kept"
    two = said(package, "from ours.inner import two; print(two.SAID, two.__file__, two.__cached__)")
    assert two == f"kept {package}/inner/two.py {kept(package, 'inner/two')}"
    assert said(package, "import ours.inner as i; print(i.__path__)") == f"['{package}/inner']"


def test_what_is_kept_is_what_runs(package: Path) -> None:
    """Else the tests below could not tell one from the other."""
    other = package / "other.py"
    other.write_text("SAID = 'else'\n")
    seen = (package / "one.py").stat()
    os.utime(other, (seen.st_mtime, seen.st_mtime))
    py_compile.compile(str(other), cfile=str(kept(package)), doraise=True)
    assert said(package, ONE) == "else ec2rl.kept"


def changed(package: Path) -> None:
    (package / "one.py").write_text("SAID = 'changed'\n")


def touched(package: Path) -> None:
    os.utime(package / "one.py", (1, 1))


def by_hash(package: Path) -> None:
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    py_compile.compile(str(package / "one.py"), doraise=True, invalidation_mode=mode)


def by_another_python(package: Path) -> None:
    kept(package).write_bytes(b"\0\0\r\n" + kept(package).read_bytes()[4:])


def nothing(package: Path) -> None:
    kept(package).unlink()


def a_head_alone(package: Path) -> None:
    kept(package).write_bytes(kept(package).read_bytes()[:9])


@pytest.mark.parametrize(
    "case", [changed, touched, by_hash, by_another_python, nothing, a_head_alone]
)
def test_whatever_else_is_found_is_left_to_python(
    case: Callable[[Path], None], package: Path
) -> None:
    case(package)
    told = "changed" if case is changed else "kept"
    assert said(package, ONE) == f"{told} _frozen_importlib_external"


@pytest.mark.parametrize("length", [16, 17, 40, -1])
def test_half_a_file_is_not_the_end(length: int, package: Path) -> None:
    """Python 3.9 to 3.13 leave one where the disk is full, and then stop at it."""
    kept(package).write_bytes(kept(package).read_bytes()[:length])
    assert said(package, ONE) == "kept ec2rl.kept"


def test_bytecode_without_assertions_is_pythons_matter(package: Path) -> None:
    assert said(package, ONE, "-O") == "kept _frozen_importlib_external"


def test_other_packages_are_not_ours(package: Path) -> None:
    finder = Finder(str(package))
    assert finder.find_spec("json") is None
    assert finder.find_spec("oursandmore") is None
    assert finder.find_spec("ours.lost") is None
