"""The providers' gates as all senders share them: how many messages may be claimed, and what answers change."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from db.direct import Sql, as_instant
from winback.delivery.answer import Answer
from winback.delivery.breaker import GOOD, OPEN, Gate, after, may_claim, probed

BURST_SECONDS = 2.0  # what a paced provider may be given at once: senders look every second or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """How many messages may be claimed of a provider now. ``probe``: the one that tries a shut gate.

    ``shut_until``: when the next try is due where none may go now.
    """

    messages: int
    probe: bool = False
    shut_until: datetime | None = None
    reason: str | None = None


def ask_leave(
    connection: Connection, provider: str, *, window: int, now: datetime, pace: float | None, insist: bool
) -> Leave:
    """How many messages may go through ``provider`` now; a probe is taken in the same transaction.

    ``pace``: messages a second at most. ``insist``: try a shut gate although its wait is not over.
    """
    stored = _stored(connection, provider, locked=pace is not None)
    gate = stored.gate
    free = may_claim(gate, now, window)
    probe = gate.shut_until is not None and (free > 0 or insist)
    if probe:
        taken = _save(connection, provider, gate, probed(gate, now))
        return Leave(messages=1 if taken else 0, probe=taken, reason=gate.reason)
    if free and pace is not None:
        free = max(0, min(free, int((now - _pace_start(stored, now, pace)).total_seconds() * pace + 1e-6)))
    return Leave(messages=free, shut_until=gate.shut_until, reason=gate.reason)


def after_answers(
    connection: Connection, provider: str, answers: Sequence[Answer], now: datetime, *, probe: bool
) -> None:
    """Tell the gate what came back; nothing is written while all is well."""
    if not probe and all(answer.kind in GOOD for answer in answers):
        known = _stored(connection, provider).gate
        if known.recent == 0 and known.failures == 0:
            return
    gate = _stored(connection, provider, locked=True).gate
    _save(connection, provider, gate, after(gate, answers, now, probe=probe))


def spend_pace(connection: Connection, provider: str, units: int, now: datetime, pace: float) -> None:
    """Move the provider's pace on by ``units`` (messages, or segments of text messages)."""
    if units:
        stored = _stored(connection, provider, locked=True)
        until = _pace_start(stored, now, pace) + timedelta(seconds=units / pace)
        _MAKE.run(connection, provider=provider, **asdict(OPEN))
        _PACE.run(connection, provider=provider, until=until)


def look_up_gate(provider: str) -> str:
    """The gate of questions to a provider, what became of messages: apart from that of handing it messages."""
    return f"{provider}{_LOOK_UP}"


def is_look_up(gate: str) -> bool:
    """Whether the name is one of ``look_up_gate``."""
    return gate.endswith(_LOOK_UP)


_LOOK_UP = " look-up"


def gates(connection: Connection) -> dict[str, Gate]:
    """Provider -> gate, of those anything is known of."""
    return {stored.provider: stored.gate for stored in map(_read, _ALL.run(connection).fetchall())}


_FIELDS = tuple(asdict(OPEN))
_COLUMNS = f"provider, {', '.join(_FIELDS)}"
_ALL = Sql(f"SELECT {_COLUMNS}, paced_until FROM gate ORDER BY provider")
_ONE = Sql(f"SELECT {_COLUMNS}, paced_until FROM gate WHERE provider = :provider")
_LOCKED = Sql(f"SELECT {_COLUMNS}, paced_until FROM gate WHERE provider = :provider FOR UPDATE")
_MAKE = Sql(
    f"INSERT INTO gate ({_COLUMNS}) VALUES (:provider, {', '.join(f':{name}' for name in _FIELDS)}) "
    "ON CONFLICT (provider) DO NOTHING"
)
_SAVE = Sql(
    f"UPDATE gate SET {', '.join(f'{name} = :{name}' for name in _FIELDS)} "
    "WHERE provider = :provider AND COALESCE(shut_until, :never) = COALESCE(:was, :never)"
)
_PACE = Sql("UPDATE gate SET paced_until = :until WHERE provider = :provider")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A gate's row."""

    provider: str
    gate: Gate
    paced_until: datetime | None


def _stored(connection: Connection, provider: str, *, locked: bool = False) -> _Stored:
    row = (_LOCKED if locked else _ONE).run(connection, provider=provider).fetchone()
    return _read(row) if row else _Stored(provider=provider, gate=OPEN, paced_until=None)


def _read(row: Sequence[Any]) -> _Stored:
    provider, *fields, paced_until = row
    said = dict(zip(_FIELDS, fields, strict=True))
    gate = Gate(**said | {"shut_until": as_instant(said["shut_until"])})
    return _Stored(provider=provider, gate=gate, paced_until=as_instant(paced_until))


def _save(connection: Connection, provider: str, old: Gate, new: Gate) -> bool:
    """Write a gate that nobody has shut or opened meanwhile; False when somebody has."""
    if new == old:
        return True
    if _MAKE.run(connection, provider=provider, **asdict(new)).rowcount:
        return True
    return bool(_SAVE.run(connection, provider=provider, was=old.shut_until, never=_NEVER, **asdict(new)).rowcount)


def _pace_start(stored: _Stored, now: datetime, pace: float) -> datetime:
    """From when unused pace counts: at most a burst, and at least one message."""
    earliest = now - timedelta(seconds=max(BURST_SECONDS, 1 / pace))
    return max(stored.paced_until, earliest) if stored.paced_until else earliest
