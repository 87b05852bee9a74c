"""All tests see one time zone, whatever the machine's is, and are as many as asked for."""

import os
import signal
import time
import zlib

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


def pytest_collection_modifyitems(config: pytest.Config, items: "list[pytest.Item]") -> None:
    """With EC2RL_TEST_SHARE=1/3 a third of the tests runs, the second one; each is in one share."""
    number, _, of = os.environ.get("EC2RL_TEST_SHARE", "0/1").partition("/")
    shares: tuple[list[pytest.Item], list[pytest.Item]] = [], []
    for one in items:
        shares[zlib.crc32(one.nodeid.encode()) % int(of) != int(number)].append(one)
    items[:], left = shares
    config.hook.pytest_deselected(items=left)
