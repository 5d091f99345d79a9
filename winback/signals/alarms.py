"""When an early-warning signal is an alarm: two thresholds, so that a share that wavers around one is told once.

The alarm is raised when the share of the active who show the signal reaches ``on``, and cleared when it has come
down to ``off``; in between it stays as it was (a Schmitt trigger).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from winback.signals.early_warning import EarlyWarnings, Reading
from winback.signals.settings import Thresholds


class Change(StrEnum):
    """What a day changed; the kinds of the alerts that tell staff."""

    RAISED = "signal"
    CLEARED = "signal_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A signal at the end of the last day judged: the share of the active that showed it, 0-1.

    ``raised_on``: the day that raised the alarm, None while there is none.
    """

    signal: str
    checked_on: date
    share: float
    raised_on: date | None

    def as_dict(self) -> dict[str, Any]:
        """For the JSON of ``winback signals``."""
        raised = None if self.raised_on is None else self.raised_on.isoformat()
        return {"checked_on": self.checked_on.isoformat(), "share": self.share, "raised_on": raised}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How a signal stands after a day, and what the day changed."""

    standing: Standing
    change: Change | None


def judge(
    before: Standing | None, found: EarlyWarnings, reading: Reading, thresholds: Thresholds
) -> Judged | None:
    """How a signal stands after ``found``'s day; None where the day says nothing.

    That is a day judged before or older than that, one that the orders do not reach, or without anybody active,
    and a signal with nothing to read.
    """
    if reading.count is None or not found.active or not found.complete:
        return None
    if before is not None and found.as_of <= before.checked_on:
        return None
    share, since = reading.count / found.active, before.raised_on if before else None
    change = _change(since is not None, share, thresholds)
    if change is not None:
        since = found.as_of if change is Change.RAISED else None
    standing = Standing(signal=reading.signal.name, checked_on=found.as_of, share=share, raised_on=since)
    return Judged(standing=standing, change=change)


def _change(raised: bool, share: float, thresholds: Thresholds) -> Change | None:
    if not raised and share >= thresholds.on:
        return Change.RAISED
    return Change.CLEARED if raised and share <= thresholds.off else None


def sentence(change: Change, found: EarlyWarnings, reading: Reading, thresholds: Thresholds) -> str:
    """What staff is told: of all, and of nobody in particular."""
    shown = f"{reading.signal.en}: {reading.count:,} of {found.active:,} active customers"
    if change is Change.CLEARED:
        return f"{shown}, at most {thresholds.off:.1%} again: the alarm is over"
    return f"{shown}, {thresholds.on:.1%} or more{_was_right(found, reading)}"


def sentence_zh(change: Change, found: EarlyWarnings, reading: Reading, thresholds: Thresholds) -> str:
    """The same in Chinese."""
    shown = f"{reading.signal.zh}：{found.active:,} 位活跃客户中有 {reading.count:,} 位"
    if change is Change.CLEARED:
        return f"{shown}，回到 {thresholds.off:.1%} 或以下，警报解除"
    was = (
        ""
        if reading.hit_rate is None or reading.base_rate is None
        else (f"；{found.window_days} 天前有此信号的人流失 {reading.hit_rate:.0%}，全体 {reading.base_rate:.0%}")
    )
    return f"{shown}，达到 {thresholds.on:.1%} 或更多{was}"


def _was_right(found: EarlyWarnings, reading: Reading) -> str:
    if reading.hit_rate is None or reading.base_rate is None:
        return ""
    days = found.window_days
    return f"; of those who showed it {days} days ago {reading.hit_rate:.0%} left, of all {reading.base_rate:.0%}"
