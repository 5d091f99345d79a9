"""Messages refused one after the other for the same reason: a mistake of ours, whatever the provider calls it.

Providers change what they call a fault (Twilio: "avoid writing programmatic logic based on error code fields",
changelog of 10 July 2024), so no list of codes is ever whole. Bad addresses are strewn over a list: where one in
five is bad, twenty in a row come once in 10^14 messages, where half are, once in a million.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from winback.delivery.answer import Answer, AnswerKind
from winback.events import OPTED_OUT

IN_A_ROW = 20
FEWEST = 5  # of a run with fewer than IN_A_ROW messages: all of them
TOLD_FROM = 20  # refused messages of a run: fewer say nothing
# Of what a provider has answered; a provider that looks later calls the same a bounce, and SendGrid and Amazon SES
# recommend less than 5 % of these (docs/decisions/012).
TOLD_SHARE = 0.05
ONE_AFTER_THE_OTHER = "its messages are refused one after the other: "
TRIES = 3  # what was refused so goes back to the queue until its third try: then the addresses may be at fault


@dataclass(slots=True)
class Streak:
    """Messages refused in a row for ``reason``; ``whole``: no other answer came before them that one knows of."""

    reason: str = ""
    ids: list[int] = field(default_factory=list)
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedShare:
    """How many messages of a run are refused of those answered; ``times``: for ``reason``, the commonest."""

    run: str
    messages: int
    of: int
    reason: str
    times: int


Times = tuple[str, int]  # a reason, and how many messages were refused for it


def share_to_tell(run: str, reasons: Sequence[Times], taken: int) -> RefusedShare | None:
    """What staff hears of a run of which a provider took so many; None where too few were refused.

    ``reasons``: the commonest first.
    """
    refused = sum(times for _, times in reasons)
    if refused < TOLD_FROM or refused < TOLD_SHARE * (refused + taken):
        return None
    reason, times = reasons[0]
    return RefusedShare(run=run, messages=refused, of=refused + taken, reason=reason, times=times)


class Refusals:
    """What one sender sees of it, for each (run, template): a template can be at fault and another sound.

    ``over``: those that have stopped their run; once that is stored they begin anew.
    """

    def __init__(self) -> None:
        self.streaks: dict[tuple[int, str], Streak] = {}
        self.over: set[tuple[int, str]] = set()

    def note(self, occurrence_id: int, template: str, message_id: int, answer: Answer) -> None:
        """Count one answer; what says nothing about the message (wait, nobody knows) neither adds nor ends."""
        key, refused = (occurrence_id, template), answer.kind is AnswerKind.REJECTED
        if not refused and answer.kind is not AnswerKind.ACCEPTED:
            return
        known = self.streaks.get(key)
        if not refused or answer.reason == OPTED_OUT:  # a person's own word: the provider looks at each
            if known is None or known.reason or known.whole:
                self.streaks[key] = Streak(whole=False)
        elif known is not None and known.reason == answer.reason:
            known.ids.append(message_id)
        else:
            self.streaks[key] = Streak(answer.reason or "", [message_id], whole=known is None)

    def begin_anew(self) -> None:
        """What stopped a run is stored: should a person let it go on, it is judged by what comes then."""
        while self.over:
            self.streaks.pop(self.over.pop(), None)

    def too_many(self, occurrence_id: int) -> bool:
        """Whether no more of the run should leave."""
        return any(len(s.ids) >= IN_A_ROW for (run, _), s in self.streaks.items() if run == occurrence_id)


def refused_words(reason: str) -> str:
    """Why a run stopped."""
    return f"{ONE_AFTER_THE_OTHER}{reason}"
