"""All tests see one time zone, whatever the machine's is, and are as many as asked for."""

import os
import signal
import time

os.environ["TZ"] = "UTC"
time.tzset()

# Started behind a `&`, a shell has these ignored, and so would everything that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

import pytest  # noqa: E402

import support.examples  # noqa: E402, F401


def pytest_make_parametrize_id(val: object, argname: str) -> "str | None":
    """A text of many lines or megabytes is named by its argument: names go to every worker."""
    long = isinstance(val, (str, bytes)) and len(val) > 100
    return argname if long else None


_collected: "dict[str, int]" = {}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Of cases that are `sampled(n)` all but each n-th are `more`."""
    mark = item.get_closest_marker("sampled")
    if mark is not None:
        test = item.nodeid.partition("[")[0]
        number = _collected[test] = _collected.get(test, -1) + 1
        if number % mark.args[0]:
            item.add_marker("more")
