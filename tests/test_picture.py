"""README's picture is what the program says today of the recording that it is drawn from."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from building.picture import PICTURE, picture

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_picture_is_current() -> None:
    drawn = PICTURE.read_text(encoding="utf-8")
    assert drawn == picture(), "PYTHONPATH=src python -m building.picture draws it anew"
    assert f"]({PICTURE.parent.name}/{PICTURE.name})" in README.read_text(encoding="utf-8")


def test_it_holds_words_alone_each_within_its_frame() -> None:
    root = ElementTree.fromstring(picture())
    name = "{http://www.w3.org/2000/svg}"
    assert {one.tag for one in root.iter()} == {
        name + tag for tag in ("svg", "title", "rect", "circle", "g", "text")
    }
    for one in root.iter(f"{name}text"):
        end = float(one.attrib["x"]) + float(one.attrib.get("textLength", 0))
        assert end <= float(root.attrib["width"]), one.text
        assert float(one.attrib["y"]) < float(root.attrib["height"])
    red = [one.text for one in root.iter(f"{name}text") if one.get("fill") == "#ff6b68"]
    assert red == ["[FAILURE]"]
