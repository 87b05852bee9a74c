"""The link by which programs find the results where ec2rl 1.1.7 wrote them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ec2rl.report.way_in import way_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "2026-11-25T10_25_05.219614"


def ask(folder: Path, base: str = "/store") -> str:
    return way_in(f"{base}/{RUN}", "/store", str(folder))


def test_a_link_is_made_once_and_used_again(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    assert ask(tmp_path) == f"{tmp_path}/ec2rl/{RUN}"
    made = (tmp_path / "ec2rl").lstat()
    assert os.readlink(tmp_path / "ec2rl") == "/store"
    assert ask(tmp_path) == f"{tmp_path}/ec2rl/{RUN}"
    assert (tmp_path / "ec2rl").lstat() == made


def test_a_run_kept_elsewhere_is_named_where_it_is(tmp_path: Path) -> None:
    assert ask(tmp_path, "/run/ec2rl") == f"/run/ec2rl/{RUN}"
    assert list(tmp_path.iterdir()) == []


def a_folder(way: Path) -> None:
    """As 1.1.7 has left it, or another user made."""
    way.mkdir()


def a_file(way: Path) -> None:
    way.touch()


def a_link_elsewhere(way: Path) -> None:
    way.symlink_to("/elsewhere")


def anothers_link(way: Path) -> None:
    way.symlink_to("/store")
    try:
        os.lchown(way, 12345, 12345)
    except PermissionError:
        pytest.skip("needs root to make what another user owns")


def open_to_all(way: Path) -> None:
    """No sticky bit: whoever may write there can put another link in its place."""
    way.parent.chmod(0o777)


def anothers_folder(way: Path) -> None:
    try:
        os.chown(way.parent, 12345, 12345)
    except PermissionError:
        pytest.skip("needs root to make what another user owns")


def nothing(way: Path) -> None:
    way.parent.rmdir()


def a_link_above(way: Path) -> None:
    way.parent.rename(way.parent.with_name("real"))
    way.parent.symlink_to("real")


@pytest.mark.parametrize(
    "obstacle",
    [a_folder, a_file, a_link_elsewhere, anothers_link, open_to_all, anothers_folder, nothing,
     a_link_above],
    ids=lambda obstacle: str(obstacle.__name__),
)  # fmt: skip
def test_what_is_not_ours_is_left_and_not_named(
    obstacle: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    obstacle(folder / "ec2rl")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    assert ask(folder) == f"/store/{RUN}"
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
