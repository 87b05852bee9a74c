"""All tests see one time zone, whatever the machine's is."""

import os
import time

os.environ["TZ"] = "UTC"
time.tzset()
