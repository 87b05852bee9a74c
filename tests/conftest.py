"""All tests see one time zone, whatever the machine's is, and try properties as often as asked."""

import os
import time

os.environ["TZ"] = "UTC"
time.tzset()

import support.examples  # noqa: E402, F401
