"""Calendar months, each known by its first day."""

from datetime import date, timedelta


def month_of(day: date) -> date:
    """The month a day lies in."""
    return day.replace(day=1)


def months_after(month: date, n: int) -> date:
    """The month ``n`` months later; earlier for a negative ``n``."""
    years, place = divmod(month.month - 1 + n, 12)
    return date(month.year + years, place + 1, 1)


def last_day(month: date) -> date:
    """The last day of the month."""
    return months_after(month_of(month), 1) - timedelta(days=1)


def month_ends(until: date, n: int) -> list[date]:
    """The last ``n`` ends of months on or before ``until``, oldest first."""
    following = month_of(until + timedelta(days=1))
    return [months_after(following, -back) - timedelta(days=1) for back in reversed(range(n))]


def ends_of_months(first: date, last: date) -> list[date]:
    """The ends of months from ``first`` to ``last``, both included, oldest first."""
    n = (last.year - first.year) * 12 + last.month - first.month + 2
    return [end for end in month_ends(last, n) if end >= first]


def month_key(month: date) -> str:
    """``1997-12``, as the JSON names a month."""
    return f"{month:%Y-%m}"
