"""Messages refused one after the other for the same reason: a mistake of ours, whatever the provider calls it.

Providers change what they call a fault (Twilio: "avoid writing programmatic logic based on error code fields",
changelog of 10 July 2024), so no list of codes is ever whole. Bad addresses are strewn over a list: where one in
five is bad, twenty in a row come once in 10^14 messages, where half are, once in a million.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from winback.callbacks.twilio_codes import DEAD_NUMBERS
from winback.delivery.answer import Answer, AnswerKind
from winback.events import OPTED_OUT

IN_A_ROW = 20
FEWEST = 5  # of a run with fewer than IN_A_ROW messages: all of them
TOLD_FROM = 20  # refused messages of a run: fewer say nothing
# Of what a provider has answered; a provider that looks later calls the same a bounce, and SendGrid and Amazon SES
# recommend less than 5 % of these (docs/decisions/012).
TOLD_SHARE = 0.05
ONE_AFTER_THE_OTHER = "its messages are refused one after the other: "
# Refused because nothing will ever arrive at the address. Of RFC 3463: no such mailbox (1.1), no such system
# (1.2), no address at all (1.3), moved (1.6), a system that takes no mail (1.10, RFC 7505). Not 1.0 and 2.1, which
# servers also say of senders and of what passes.
_DEAD = re.compile(rf"twilio_({'|'.join(sorted(DEAD_NUMBERS))})|smtp_5[0-9]{{2}}:5\.1\.(1|2|3|6|10)")
TRIES = 3  # what was refused so goes back to the queue until its third try: then the addresses may be at fault


def is_dead(reason: str | None) -> bool:
    """Whether a refusal for ``reason`` speaks of the address itself, for good."""
    return _DEAD.fullmatch(reason or "") is not None


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

    ``over``: those that have stopped their run; once that is stored they begin anew. ``doubtful``: messages whose
    address the provider calls dead, as a relay set up wrongly does of everybody's. ``dead``: those of them after
    which it took another message, before the row was long enough to stop the run.
    """

    def __init__(self) -> None:
        self.streaks: dict[tuple[int, str], Streak] = {}
        self.over: set[tuple[int, str]] = set()
        self.doubtful: dict[tuple[int, str], list[int]] = {}
        self.dead: list[int] = []

    def note(self, occurrence_id: int, template: str, message_id: int, answer: Answer) -> None:
        """Count one answer; what says nothing about the message (wait, nobody knows) neither adds nor ends."""
        key, refused = (occurrence_id, template), answer.kind is AnswerKind.REJECTED
        if not refused and answer.kind is not AnswerKind.ACCEPTED:
            return
        if refused and is_dead(answer.reason):
            self.doubtful.setdefault(key, []).append(message_id)
        known = self.streaks.get(key)
        if not refused or answer.reason == OPTED_OUT:  # a person's own word: the provider looks at each
            if known is None or known.reason or known.whole:
                self.streaks[key] = Streak(whole=False)
                self._vouch(key, known)
        elif known is not None and known.reason == answer.reason:
            known.ids.append(message_id)
        else:
            self.streaks[key] = Streak(answer.reason or "", [message_id], whole=known is None)

    def _vouch(self, key: tuple[int, str], row: Streak | None) -> None:
        """The provider looks at each message after all."""
        doubtful = self.doubtful.pop(key, [])
        if row is not None and len(row.ids) < IN_A_ROW:
            self.dead += doubtful

    def begin_anew(self) -> None:
        """What stopped a run is stored: should a person let it go on, it is judged by what comes then."""
        self.dead.clear()
        while self.over:
            key = self.over.pop()
            self.streaks.pop(key, None)
            self.doubtful.pop(key, None)

    def too_many(self, occurrence_id: int) -> bool:
        """Whether no more of the run should leave."""
        return any(len(s.ids) >= IN_A_ROW for (run, _), s in self.streaks.items() if run == occurrence_id)


def refused_words(reason: str) -> str:
    """Why a run stopped."""
    return f"{ONE_AFTER_THE_OTHER}{reason}"
