"""Frozen records and enumerations: `dataclasses` and `enum`, without the time to import them.

A run must start at about the speed of a bare Python (docs/decisions/0002-records.md), so the
type checker is shown the real `dataclass`, and the interpreter runs the sixty lines below.
"""

from __future__ import annotations

__all__ = ["Choice", "Generic", "T", "record", "replace"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import replace
    from enum import Enum as Choice
    from typing import Generic, TypeVar

    T = TypeVar("T", covariant=True)
else:
    T = None

    class Generic:
        """The base of a record that is generic in one of its fields: `class Event(Generic[T])`."""

        def __class_getitem__(cls, of):
            return cls

    def record(*, frozen):
        """Make a frozen value class of the annotated fields of a class."""
        assert frozen
        return _make

    def replace(value, /, **changes):
        """Copy a record with some fields changed; TypeError for a field that it does not have."""
        values = value.__dict__
        if not changes.keys() <= values.keys():
            return type(value)(**changes)  # which says what it takes
        copy = object.__new__(type(value))
        copy.__dict__.update(values, **changes)
        return copy

    def _make(cls):
        names = tuple(getattr(cls, "__annotations__", ()))  # a record of nothing has none in 3.9
        known = frozenset(names)
        space = cls.__dict__
        defaults = {name: space[name] for name in names if name in space}

        def __init__(self, *args, **named):
            values = self.__dict__
            values.update(defaults)
            values.update(zip(names, args))
            fits = len(args) <= len(names)
            if named:
                values.update(named)
                given = named.keys()
                fits = fits and given <= known and given.isdisjoint(names[: len(args)])
            if not fits or len(values) != len(names):
                raise TypeError(f"{cls.__name__} takes and needs: {', '.join(names)}")

        def astuple(self):
            return tuple(map(self.__dict__.__getitem__, names))

        def __repr__(self):
            return f"{cls.__name__}({', '.join(f'{n}={self.__dict__[n]!r}' for n in names)})"

        def refuse(self, name, value=None):
            raise AttributeError(f"{cls.__name__}.{name} is frozen")

        def __eq__(self, other):
            return astuple(self) == astuple(other) if type(other) is cls else NotImplemented

        cls.__init__ = __init__
        cls.__repr__ = __repr__
        cls.__eq__ = __eq__
        cls.__hash__ = lambda self: hash(astuple(self))
        cls.__setattr__ = cls.__delattr__ = refuse
        return cls

    class _Choices(type):
        def __new__(cls, name, bases, space):
            made = super().__new__(cls, name, bases, space)
            made._all = {}
            for key, value in space.items():
                if key[0] != "_" and not hasattr(value, "__get__"):
                    member = object.__new__(made)
                    member.__dict__.update(name=key, value=value)
                    made._all[key] = member
                    type.__setattr__(made, key, member)
            return made

        def __iter__(cls):
            return iter(cls._all.values())

        def __len__(cls):
            return len(cls._all)

        def __getitem__(cls, name):
            return cls._all[name]

        def __call__(cls, value):
            for member in cls:
                if member.value == value:
                    return member
            raise ValueError(f"{value!r} is not a valid {cls.__name__}")

        def __setattr__(cls, name, value):
            if name in cls.__dict__.get("_all", ()):
                raise AttributeError(f"{cls.__name__}.{name} is fixed")
            super().__setattr__(name, value)

    class Choice(metaclass=_Choices):
        """An enumeration: each name in the body of a class is one value of it."""

        def __repr__(self):
            return f"{type(self).__name__}.{self.name}"

        def __reduce__(self):
            return getattr, (type(self), self.name)

        def __setattr__(self, name, value):
            raise AttributeError(f"{self!r} is fixed")
