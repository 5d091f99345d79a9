"""What people did with a run's messages: one query, counted for the report, and who was written to on which day.

A member has one message of a run, so messages count people. A click taken for a machine's is one of all clicks and
says nothing of a person.
"""

from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import text
from sqlmodel import Session

from db.tables import ANSWER
from winback.outcomes.responses import WENT_OUT, MessageCount

# One row per arm, state, time of sending, time of the first human click and cost: the messages with all of these
# alike, and the numbers of their customers, comma between. Times in seconds since 1970; null: not known to have
# happened. Cost in millionths of a major unit, of one message.
ANSWERS = pl.Schema(
    {
        "arm": pl.String(),
        "state": pl.String(),
        "sent_at": pl.Int64(),
        "clicked_at": pl.Int64(),
        "cost_micros": pl.Int64(),
        "messages": pl.Int64(),
        "clicked": pl.Int64(),
        "replied": pl.Int64(),
        "unsubscribed": pl.Int64(),
        "clicks": pl.Int64(),
        "human_clicks": pl.Int64(),
        "customers": pl.String(),
    }
)
# One row per member whose message went out: the local days of that and of the first human click.
CONTACTED = pl.Schema({"customer_no": pl.Int64(), "sent_on": pl.Date(), "clicked_on": pl.Date()})

_IN_SQLITE = {"seconds": "CAST(strftime('%s', {}) AS INTEGER)", "numbers": "group_concat(e.customer_no)"}
_IN_POSTGRESQL = {
    "seconds": "CAST(floor(EXTRACT(EPOCH FROM {})) AS BIGINT)",
    "numbers": "string_agg(CAST(e.customer_no AS TEXT), ',')",
}
# One walk through the messages in the order of an index that is nearly that of their rows: by address_hash it
# would jump from page to page. Of events the index of clicks and replies is read, not all that providers told.
ANSWERS_SQL = {
    dialect: text(f"""
SELECT a.arm, e.state, {words["seconds"].format("e.sent_at")}, {words["seconds"].format("e.clicked_at")},
  e.cost_micros,
  COUNT(*),
  COUNT(e.clicked_at),
  COUNT(CASE WHEN e.replies > 0 THEN 1 END),
  COUNT(e.unsubscribed_at),
  CAST(SUM(e.clicks) AS BIGINT),
  CAST(SUM(e.human_clicks) AS BIGINT),
  {words["numbers"]}
FROM (
  SELECT m.id, m.assignment_id, m.customer_no, m.state, m.sent_at, m.unsubscribed_at,
    m.cost_micros,
    COUNT(CASE WHEN told.kind = 'clicked' THEN 1 END) AS clicks,
    COUNT(CASE WHEN told.kind = 'clicked' AND told.flag IS NULL THEN 1 END) AS human_clicks,
    MIN(CASE WHEN told.kind = 'clicked' AND told.flag IS NULL THEN told.at END) AS clicked_at,
    COUNT(CASE WHEN told.kind = 'replied' THEN 1 END) AS replies
  FROM message m
  LEFT JOIN event told ON told.message_key = m.key AND told.{ANSWER}
  WHERE m.occurrence_id = :occurrence
  GROUP BY m.occurrence_id, m.person, m.step, m.id
) e
JOIN assignment a ON a.id = e.assignment_id
GROUP BY a.arm, e.state, e.sent_at, e.clicked_at, e.cost_micros
ORDER BY a.arm, e.state
""")
    for dialect, words in {"sqlite": _IN_SQLITE, "postgresql": _IN_POSTGRESQL}.items()
}


def read_answers(session: Session, occurrence_id: int) -> pl.DataFrame:
    """ANSWERS to the messages of an occurrence; senders claim many at once, so rows are few."""
    statement = ANSWERS_SQL[session.get_bind().dialect.name]
    rows = [tuple(row) for row in session.execute(statement, {"occurrence": occurrence_id})]
    return pl.DataFrame(rows, schema=ANSWERS, orient="row")


def count_messages(answers: pl.DataFrame) -> list[MessageCount]:
    """One MessageCount for each arm and each state that messages are in."""
    names = ["messages", "clicked", "replied", "unsubscribed", "clicks", "human_clicks"]
    found = answers.group_by("arm", "state").agg(pl.col(names).sum()).sort("arm", "state")
    return [MessageCount(**row) for row in found.iter_rows(named=True)]


def contacted(answers: pl.DataFrame, zone: ZoneInfo) -> pl.DataFrame:
    """CONTACTED: the members whose message went out; days in ``zone``."""
    gone = answers.filter(pl.col("state").is_in(list(WENT_OUT)))
    return _each_customer(gone, _day("sent", zone), _day("clicked", zone))


def all_priced(answers: pl.DataFrame) -> bool:
    """Whether no message went out at the price 0, which stands for one that is not known."""
    gone = pl.col("state").is_in(list(WENT_OUT))
    return answers.filter(gone & (pl.col("cost_micros") == 0)).is_empty()


def costs(answers: pl.DataFrame) -> pl.DataFrame:
    """customer_no, cost_micros: what each member's message cost; members without one are left out."""
    return _each_customer(answers, pl.col("cost_micros"))


def _each_customer(answers: pl.DataFrame, *columns: pl.Expr) -> pl.DataFrame:
    numbers = answers.select(pl.col("customers").str.split(",").alias("customer_no"), *columns)
    return numbers.explode("customer_no").with_columns(pl.col("customer_no").cast(pl.Int64))


def _day(what: str, zone: ZoneInfo) -> pl.Expr:
    instant = pl.from_epoch(f"{what}_at").dt.replace_time_zone("UTC")
    return instant.dt.convert_time_zone(str(zone)).dt.date().alias(f"{what}_on")
