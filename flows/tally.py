"""What a sender did, counted for whoever asked it to send."""

from collections import Counter
from dataclasses import dataclass, field

from winback.events import State


@dataclass(slots=True)
class Tally:
    """What a sender did: new state -> messages, and the channels a provider closed (channel -> reason).

    ``unwritten``: reason -> messages skipped because they could not be rendered.
    """

    states: Counter[str] = field(default_factory=Counter)
    unwritten: Counter[str] = field(default_factory=Counter)
    closed: dict[str, str] = field(default_factory=dict)

    def refused_go_back(self, messages: int) -> None:
        """So many refused ones were queued again; some of them another sender's, or of an earlier call."""
        self.states[State.REJECTED.value] -= min(messages, self.states[State.REJECTED.value])
        self.states[State.QUEUED.value] += messages
