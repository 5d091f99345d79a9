"""What events say of a message: a maximum over a rank, whatever their order."""

from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON
from winback.events import OPTED_OUT, Event, EventKind, Lift, State, lifts, state_after, suppression_reason

KINDS = list(EventKind)
STARTS = [State.QUEUED, State.SENDING, State.UNCERTAIN, State.ACCEPTED, State.DELIVERED, State.ABANDONED]


def an_event(kind: EventKind, key: str | None = "k", **fields: object) -> Event:
    return Event(**({"provider": "p", "id": kind, "message_key": key, "kind": kind, "at": NOON} | fields))


def told(state: State, *kinds: EventKind) -> State:
    """The state after these events, one after the other."""
    for kind in kinds:
        for lift in lifts([an_event(kind)]):
            state = state_after(state, lift.state)
    return state


def test_up_to_six_events_of_different_kinds_end_the_same_in_every_order():
    """All sets of up to four of the eleven kinds and all their orders; of five and six, those that can differ."""
    decisive = [
        kind for kind in KINDS if kind not in (EventKind.UNKNOWN, EventKind.RESUBSCRIBED, EventKind.REPLIED)
    ]

    for start in STARTS:
        for size in range(1, 7):
            kinds = KINDS if size <= 4 else decisive
            for chosen in combinations(kinds, size):
                orders = permutations(chosen) if size <= 4 else [chosen, chosen[::-1], chosen[2:] + chosen[:2]]
                assert len({told(start, *order) for order in orders}) == 1


@given(st.lists(st.sampled_from(KINDS), max_size=6), st.randoms(), st.sampled_from(STARTS))
def test_repeats_and_batches_change_nothing(kinds: list[EventKind], chance, start: State):
    mixed = kinds + kinds[:2]
    chance.shuffle(mixed)

    together = start
    for lift in lifts([an_event(kind) for kind in mixed]):
        together = state_after(together, lift.state)

    assert told(start, *kinds) == told(start, *mixed) == together


def test_the_highest_wins_and_an_answer_of_the_person_proves_delivery():
    """By the ranks of the state machine."""
    usual = [EventKind.ACCEPTED, EventKind.DEFERRED]

    for proof in (EventKind.OPENED, EventKind.CLICKED, EventKind.UNSUBSCRIBED, EventKind.DELIVERED):
        assert told(State.SENDING, *usual, proof) is State.DELIVERED
    assert told(State.SENDING, *usual, EventKind.BOUNCED, EventKind.DELIVERED) is State.BOUNCED
    assert told(State.SENDING, EventKind.COMPLAINED, EventKind.BOUNCED) is State.COMPLAINED


def test_a_reply_an_opt_in_and_an_unknown_event_prove_nothing():
    for kind in (EventKind.REPLIED, EventKind.RESUBSCRIBED, EventKind.UNKNOWN):
        assert lifts([an_event(kind)]) == {}


def test_lifts_come_lowest_first_and_name_each_message():
    events = [
        an_event(EventKind.COMPLAINED, "a"),
        an_event(EventKind.DELIVERED, "b"),
        an_event(EventKind.BOUNCED, "c", reason="bounce 5.1.1"),
        an_event(EventKind.BOUNCED, "d", reason="blocked", permanent=False),
        an_event(EventKind.BOUNCED, "e", reason=OPTED_OUT),
        an_event(EventKind.DELIVERED, None),
    ]

    assert list(lifts(events).items()) == [
        (Lift(State.DELIVERED, None, False), ["a", "b"]),
        (Lift(State.BOUNCED, "blocked", False), ["d"]),
        (Lift(State.BOUNCED, "bounce 5.1.1", True), ["c"]),
        (Lift(State.BOUNCED, OPTED_OUT, False), ["e"]),
        (Lift(State.COMPLAINED, None, False), ["a"]),
    ]


def test_what_closes_an_address():
    closing = {kind: suppression_reason(an_event(kind)) for kind in KINDS}

    assert {kind: reason for kind, reason in closing.items() if reason} == {
        EventKind.BOUNCED: "bounced",
        EventKind.COMPLAINED: "complained",
        EventKind.UNSUBSCRIBED: "unsubscribed",
    }
