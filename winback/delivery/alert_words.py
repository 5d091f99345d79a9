"""What staff is told, in both languages: chat rooms have readers of either, and a workspace has no language.

Each returns (English, Chinese). Neither holds a name or an address.
"""

from winback.delivery.refusals import ONE_AFTER_THE_OTHER

Told = tuple[str, str]
_RENDER_ERROR = ("more than 1 % of its messages cannot be rendered", "超过 1 % 的消息无法生成")


def stopped(run: str, why: str, zh: str | None = None) -> Told:
    """A run that stopped itself; ``why`` as noted with the stop, ``zh`` the same in Chinese where it is known."""
    en, zh = _why(why, zh)
    return (
        f"stopped: {en}; nothing more of it leaves. To let it go on: winback resume {run}",
        f"已停止：{zh}；剩下的不再发出。要继续：winback resume {run}",
    )


def _why(why: str, zh: str | None) -> Told:
    if why == "render_error":
        return _RENDER_ERROR
    if why.startswith(ONE_AFTER_THE_OTHER):
        code = why.removeprefix(ONE_AFTER_THE_OTHER)
        return (
            f"{why}. Those refused wait in the queue; mend it first",
            f"消息接连被拒绝（{code}），被拒绝的留在队列里，请先改正",
        )
    return why, zh or why


def warned(why: str, zh: str | None = None) -> Told:
    """A run near the limit at which it stops."""
    return f"warning, it goes on: {why}", f"警告，仍在发送：{zh or why}"


def unknown(messages: int) -> Told:
    """Messages of which nobody knows whether they arrived."""
    return f"{messages:,} messages may or may not have been sent", f"{messages:,} 条消息不知是否已经发出"


def shut(why: str | None) -> Told:
    """A provider that stays shut."""
    return f"nothing leaves through it: {why}", f"无法经它发送：{why}"


def awaits(run: str) -> Told:
    """A run that nobody has approved."""
    return f"waits for: winback approve {run}", f"等待批准：winback approve {run}"
