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


def _leave_a_sample(items: "list[pytest.Item]") -> None:
    """All but each n-th case that is `sampled(n)`, and but some ten of others', are `more`."""
    cases: dict[str, list[pytest.Item]] = {}
    for one in items:
        cases.setdefault(one.nodeid.partition("[")[0], []).append(one)
    for alike in cases.values():
        mark = alike[0].get_closest_marker("sampled")
        step = mark.args[0] if mark else max(1, min(len(alike) // 10, 10))
        for number, one in enumerate(alike):
            if number % step:
                one.add_marker("more")


@pytest.hookimpl(tryfirst=True)  # before it is looked at which marks are asked for
def pytest_collection_modifyitems(config: pytest.Config, items: "list[pytest.Item]") -> None:
    """With EC2RL_TEST_SHARE=1/3 a third of the tests runs, the second one; each is in one share."""
    _leave_a_sample(items)
    number, _, of = os.environ.get("EC2RL_TEST_SHARE", "0/1").partition("/")
    shares: tuple[list[pytest.Item], list[pytest.Item]] = [], []
    for one in items:
        shares[zlib.crc32(one.nodeid.encode()) % int(of) != int(number)].append(one)
    items[:], left = shares
    config.hook.pytest_deselected(items=left)
