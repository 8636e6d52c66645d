"""Dates and times of day in a text, which say when a run was made and nothing of its result."""

from __future__ import annotations

import re

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +"
_TIME = r"\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AP]M\b)?(?:Z\b|[+-]\d\d:?\d\d\b)?"
_DAY = rf"(?:{_WEEKDAY})?(?:{_MONTH} +\d{{1,2}}|\d{{1,2}} +{_MONTH})(?:,? +\d{{4}}(?!:))?"
_NUMBERED = r"(?:\d{4}-\d\d-\d\d|\d{4}/\d\d?/\d\d?|\d\d?/\d\d?/\d{4}|\d\d?\.\d\d?\.\d{4})"
_DATES = re.compile(rf"\b(?:{_DAY}|{_NUMBERED})(?:[T ,]+{_TIME}(?: +\d{{4}}\b)?)?|\b\d\d?:\d\d:\d\d(?:[.,]\d+)?")


def without_dates(text: str) -> str:
    """The same with every date and time of day as `#`."""
    return _DATES.sub("#", text)
