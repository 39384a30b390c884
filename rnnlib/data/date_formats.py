"""Dates as people write them, and the same dates as machines do."""

from datetime import date

from rnnlib.checks import check_number, check_rng

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST, LAST = date(1950, 1, 1).toordinal(), date(2049, 12, 31).toordinal()

# Each format is a list of parts: a literal, or a field as (what, text of the date).
_FORMATS = (
    lambda d: [("month", _MONTHS[d.month - 1]), " ", ("day", str(d.day)), ", ", ("year", str(d.year))],
    lambda d: [("day", str(d.day)), " ", ("month", _MONTHS[d.month - 1]), " ", ("year", str(d.year))],
    lambda d: [("month", _MONTHS[d.month - 1][:3].lower()), " ", ("day", f"{d.day:02}"), " ", ("year", str(d.year))],
    lambda d: [_DAYS[d.weekday()], ", ", ("day", str(d.day)), " ", ("month", _MONTHS[d.month - 1].lower()), " ", ("year", str(d.year))],
    lambda d: [("day", f"{d.day:02}"), "/", ("month", f"{d.month:02}"), "/", ("year", str(d.year))],
    lambda d: [("day", str(d.day)), ".", ("month", str(d.month)), ".", ("year", str(d.year))],
    lambda d: [("year", str(d.year)), "/", ("month", f"{d.month:02}"), "/", ("day", f"{d.day:02}")],
    lambda d: [("day", str(d.day)), "-", ("month", _MONTHS[d.month - 1][:3]), "-", ("year", f"{d.year % 100:02}")],
)


def dates(n, rng, spans=False):
    """Dates in eight human formats, and the same dates as ``YYYY-MM-DD``.

    From 1 January 1950 to 31 December 2049, so a year of two digits has one reading; day before month wherever the month is
    a number. The optimum is exact: 1.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator
    spans : bool
        Also return where year, month and day are in the source: the alignment that attention should find.

    Returns
    -------
    pairs : list of (source, target) or of (source, target, spans)
        ``spans`` is a dict of "year", "month", "day" to (start, stop).

    Notes
    -----
    Lesson: :ref:`dates`.

    Examples
    --------
    >>> import numpy as np
    >>> dates(2, np.random.default_rng(0))
    [('24/01/2035', '2035-01-24'), ('sep 12 2013', '2013-09-12')]
    """
    check_number("n", n, 1, integer=True)
    check_rng(rng)
    pairs = []
    for ordinal, form in zip(rng.integers(FIRST, LAST + 1, n).tolist(), rng.integers(len(_FORMATS), size=n).tolist(), strict=True):
        day = date.fromordinal(ordinal)
        source, where = "", {}
        for part in _FORMATS[form](day):
            if isinstance(part, tuple):
                where[part[0]] = (len(source), len(source) + len(part[1]))
                part = part[1]
            source += part
        pairs.append((source, day.isoformat(), where) if spans else (source, day.isoformat()))
    return pairs
