"""Frozen records behave as the dataclasses that the type checker takes them for."""

from __future__ import annotations

import copy
import pickle

import pytest

from ec2rl.record import Choice, record, replace


@record(frozen=True)
class Point:
    x: int
    y: int = 2


def test_fields_come_by_place_and_by_name_and_have_defaults() -> None:
    assert Point(1) == Point(1, 2) == Point(x=1, y=2) == Point(1, y=2)
    assert Point(1, 3) != Point(1)
    assert repr(Point(1)) == "Point(x=1, y=2)"
    assert hash(Point(1)) == hash(Point(1, 2))


@pytest.mark.parametrize(
    ("args", "named"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1}), ((), {"y": 1})],
)
def test_a_wrong_call_is_a_type_error(args: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point takes and needs: x, y"):
        Point(*args, **named)


def test_a_record_cannot_be_changed_only_copied() -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 5  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del point.x
    assert replace(point, x=5) == Point(5)
    assert point == Point(1)
    with pytest.raises(TypeError):
        replace(point, z=1)  # type: ignore[call-arg]


def test_a_record_survives_pickle_and_copy() -> None:
    assert pickle.loads(pickle.dumps(Point(1, 7))) == Point(1, 7)
    assert copy.copy(Point(1, 7)) == Point(1, 7)


class Colour(Choice):
    """Two colours."""

    RED = "r"
    """Its own documentation."""
    BLUE = "b"


def test_a_choice_behaves_as_the_enumeration_that_the_type_checker_takes_it_for() -> None:
    assert [colour.name for colour in Colour] == ["RED", "BLUE"]
    assert (Colour.RED.value, Colour("b"), Colour["BLUE"]) == ("r", Colour.BLUE, Colour.BLUE)
    assert len(Colour) == 2
    assert repr(Colour.RED) == "Colour.RED"
    assert {Colour.RED: 1}[Colour("r")] == 1
    assert isinstance(Colour.RED, Colour)
    assert pickle.loads(pickle.dumps(Colour.RED)) is Colour.RED
    assert copy.deepcopy(Colour.RED) is Colour.RED


def test_a_choice_is_fixed() -> None:
    with pytest.raises(ValueError, match="'x' is not a valid Colour"):
        Colour("x")
    with pytest.raises(AttributeError):
        Colour.RED.value = "x"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Colour.RED = Colour.BLUE  # type: ignore[misc,assignment]


def test_a_record_may_have_no_field() -> None:
    @record(frozen=True)
    class Nothing:
        pass

    assert Nothing() == Nothing()
    assert repr(Nothing()).endswith("Nothing()")
