"""Frozen records: what `dataclasses` gives, without the 20 ms that importing it takes.

A run must start at about the speed of a bare Python (docs/decisions/0002-records.md), so the
type checker is shown the real `dataclass`, and the interpreter runs the thirty lines below.
"""

from __future__ import annotations

__all__ = ["record", "replace"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import replace
else:

    def record(*, frozen):
        """Make a frozen value class of the annotated fields of a class."""
        assert frozen
        return _make

    def replace(value, /, **changes):
        """Copy a record with some fields changed; TypeError for a field that it does not have."""
        return type(value)(**{**value.__dict__, **changes})

    def _make(cls):
        names = tuple(cls.__annotations__)
        defaults = {name: getattr(cls, name) for name in names if hasattr(cls, name)}
        allowed = [frozenset(names[n:]) for n in range(len(names) + 1)]

        def __init__(self, *args, **named):
            values = self.__dict__
            values.update(defaults)
            values.update(zip(names, args))
            if named:
                values.update(named)
            known = len(values) == len(names) >= len(args)
            if not known or not named.keys() <= allowed[len(args)]:
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
