"""All tests see one time zone, whatever the machine's is, and try properties as often as asked."""

import os
import signal
import time

os.environ["TZ"] = "UTC"
time.tzset()

# Started behind a `&`, a shell has these ignored, and so would everything that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

import support.examples  # noqa: E402, F401
