"""How the alarms of early-warning signals stand."""

from collections.abc import Collection

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from db.engine import changed, insert_or_keep
from db.tables import SignalState
from winback.signals.alarms import Standing


def standings(session: Session) -> dict[str, Standing]:
    """Signal -> how it stands."""
    return {
        row.signal: Standing(
            signal=row.signal, checked_on=row.checked_on, share=row.share, raised_on=row.raised_on
        )
        for row in session.execute(select(SignalState).order_by(col(SignalState.signal))).scalars()
    }


def keep(session: Session, before: Standing | None, after: Standing) -> bool:
    """Whether ``after`` is how it stands now; False when somebody else has judged since ``before``."""
    row = {name: getattr(after, name) for name in ("signal", "checked_on", "share", "raised_on")}
    if before is None:
        return bool(changed(session, insert_or_keep(session, SignalState), [row]))
    mine = (col(SignalState.signal) == after.signal, col(SignalState.checked_on) == before.checked_on)
    return bool(changed(session, update(SignalState).where(*mine).values(**row)))


def forget(session: Session, kept: Collection[str]) -> None:
    """Drop every signal that has no thresholds any more: nobody is told of it, not even that it is over."""
    changed(session, delete(SignalState).where(col(SignalState.signal).not_in(kept)))
