"""The times that logs bear, as moments."""

from __future__ import annotations

import re
import time

from ec2rl.forms.months import month

_UTC = ("Z", "UTC", "GMT")
_ISO = (
    r"(?:\S+ )?(?P<day>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<part>\d{1,9}))?"
    r" ?(?P<zone>Z|[A-Z]{2,5}|[+-]\d\d(?::?\d\d)?)?"
)
# strftime(3)'s %b, %e and %T, with a weekday before them, a year behind them; dmesg -H has no
# seconds, logcat numbers for the month.
_DATE = (
    r"(?:[^\d\s]\S* +)?(?:(?P<month>[^\W\d_]+\.?|\d{1,2}[월月]) ?|(?P<number>\d\d)-)"
    r" ?(?P<day>\d{1,2}) +(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?"
    r"(?: (?P<year>\d{4}))?"
)


def epoch(stamp: str, latest: float) -> float | None:
    """Parse a log's time stamp, in seconds since the epoch; None for one that is no time.

    A stamp without a zone is local time; one without a year (RFC 3164) is the latest that is not
    after `latest`.  A zone's name other than UTC's may be any country's: local time, too.
    """
    stamp = stamp.strip()
    if re.fullmatch(r"\d{9,11}\.\d{1,9}", stamp):
        return float(stamp)
    iso = re.fullmatch(_ISO, stamp)
    try:
        if iso is not None:
            return _moment(iso)
        date = re.fullmatch(_DATE, stamp)
        return None if date is None else _latest(date, latest)
    except (ValueError, OverflowError, OSError):
        return None


def _moment(iso: re.Match[str]) -> float:
    from datetime import datetime

    zone = iso["zone"] or ""
    if zone in _UTC:
        zone = "+00:00"
    elif zone[:1] in ("+", "-"):
        zone = f"{zone[:3]}:{zone[-2:] if len(zone) > 3 else '00'}"
    else:
        zone = ""
    part = (iso["part"] or "")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{iso['day']}T{iso['time']}.{part}{zone}").timestamp()


def _latest(date: re.Match[str], latest: float) -> float | None:
    from datetime import datetime

    number = int(date["number"]) if date["number"] else month(date["month"])
    if number is None:
        return None
    years = range(time.localtime(latest).tm_year, time.localtime(latest).tm_year - 5, -1)
    if date["year"]:
        years, latest = range(int(date["year"]), int(date["year"]) + 1), float("inf")
    at = int(date["day"]), int(date["hour"]), int(date["minute"])
    for year in years:
        try:
            when = datetime(year, number, *at, min(int(date["second"] or 0), 59)).timestamp()
        except (ValueError, OverflowError, OSError):
            continue  # 29 February, in most years
        if when <= latest:
            return when
    return None
