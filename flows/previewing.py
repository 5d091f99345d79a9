"""The preview of a campaign: what a run would choose now, what it would cost and what its result can show.

Chosen as a dry run chooses, and read only: nothing in state changes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlmodel import Session, col

from db.campaigns import pinned_templates
from db.engine import database, reading
from db.facts.store import data_from, digests, path_of
from db.facts.sums import MEMBER_CELLS, sum_members
from db.occurrences import version_digest
from db.people import customer_by_id
from db.settings import Settings
from db.tables import Customer
from flows.behaving import contracts
from flows.campaign_run import manual, replay
from flows.candidates import model_words
from flows.choosing import Choice, choose_now
from flows.compose import order_values
from flows.recommending import recommended_to
from winback.audience.selection import digest, drawn_counts, risk_range, waterfall
from winback.campaigns.approval import approved_digest, needs_approval
from winback.campaigns.campaign import HOLDOUT, Success
from winback.channel import CHANNELS, Channel
from winback.customers.contact import mask_contact
from winback.customers.products import read_products
from winback.errors import WrongUse
from winback.gallery import page as gallery_page
from winback.gallery.letters import Sheet, sheets
from winback.gallery.preview import (
    DRAWN,
    NOT_DRAWN,
    AwaitedYes,
    Cost,
    Preview,
    a_few,
    drawn_before,
    drawn_or_not,
    mean_risk,
    messages_by_channel,
    planned_arms,
    worth,
)
from winback.gallery.sight import PREDICTED, Expected, expect, in_sight
from winback.message.fields import asks_for_products, samples
from winback.message.rendering import Email, RenderFailure, Sms, render, unlawful
from winback.message.template import Message, load
from winback.money import exponent
from winback.outcomes.arms_alike import arms_alike
from winback.outcomes.part_sums import PartSums, RunSums
from winback.words import LANGUAGES, Language

MEASURED_TEXTS = 200  # text messages rendered to learn how many segments one has


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCustomer:
    """One customer in the preview. ``reason``: why nothing is written to him: of Reason, holdout or not_scored.

    ``to`` is masked; the links of ``message`` are placeholders.
    """

    run: str
    customer: str
    arm: str | None
    reason: str | None
    channel: Channel | None
    to: str | None
    message: Email | Sms | RenderFailure | None


def preview(settings: Settings, campaign_id: str, as_of: date) -> Preview:
    """The whole audience. Raises what ``check`` reports."""
    return _preview(settings, choose_now(manual(campaign_id, as_of), settings))


def page(settings: Settings, campaign_id: str, as_of: date, language: Language) -> tuple[Preview, str]:
    """The whole audience, and it as a page with every message to made-up customers."""
    choice = choose_now(manual(campaign_id, as_of), settings)
    found, letters = _preview(settings, choice), _Letters(choice, settings, {})
    text = gallery_page.render(
        found,
        choice.campaign.name,
        list(letters.sheets()),
        language,
        segment_micros=settings.price_micros("sms"),
    )
    return found, text


def _preview(settings: Settings, choice: Choice) -> Preview:
    as_of = choice.order.as_of
    ledger, per_major = choice.ledger, 10 ** exponent(settings.file.currency)
    with database(settings.database_url) as engine, reading(engine) as session:
        costs = list(_costs(session, settings, choice))
        expected = _expected(session, settings, choice, per_major)
        sample = _sample(session, a_few(ledger))
    return Preview(
        run=choice.run,
        as_of=as_of,
        horizon_days=choice.campaign.churn.within,
        currency=settings.file.currency,
        objective=choice.campaign.objective.en if choice.campaign.objective else None,
        digest=digest(ledger),
        reasons=waterfall(ledger),
        arms=planned_arms(ledger, choice.shares),
        arms_before=drawn_before(ledger),
        risk=risk_range(ledger),
        model=model_words(choice.score),
        worth=worth(ledger, per_major),
        sight=in_sight(
            expected,
            choice.campaign.success,
            customers=sum(drawn_counts(ledger).values()),
            shares=choice.shares,
            currency=settings.file.currency,
        ),
        costs=costs,
        balance=arms_alike(ledger, as_of, per_major),
        sample=sample,
        approval=_awaited(settings, choice),
    )


def _awaited(settings: Settings, choice: Choice) -> AwaitedYes | None:
    """The yes that a run would wait for: the folder's does not."""
    rule = choice.campaign.approval
    if settings.placebo or rule is None or not needs_approval(choice.campaign, choice.ledger):
        return None
    version, audience = version_digest(choice.files), digest(choice.ledger)
    named = approved_digest(version=version, facts=choice.facts, audience=audience)
    return AwaitedYes(above=rule.above, by=rule.by, owner=choice.campaign.owner, digest=named)


def _expected(session: Session, settings: Settings, choice: Choice, minor: int) -> Expected | None:
    """What is expected of the hold-out: by risk, and by what was done in the window before."""
    success, as_of, churn = choice.campaign.success, choice.order.as_of, choice.campaign.churn
    people = drawn_or_not(choice.ledger).pipe(_with_forecast, choice)
    sums = _window_before(session, settings, people, as_of, success)
    return expect(
        success,
        risk=mean_risk(choice.ledger),
        alike=_alike(session, settings, choice),
        audience=sums.arm(DRAWN),
        everybody=sums.together([DRAWN, NOT_DRAWN], "all"),
        minor=minor,
        under_contract=_under_contract(session, settings, choice) if churn.by_contract else None,
        by_model=churn.by_model,
    )


def _with_forecast(people: pl.DataFrame, choice: Choice) -> pl.DataFrame:
    """With who is predicted lost today, where that decides; ``people``: customer_no and more."""
    churn = choice.campaign.churn
    if not churn.by_model:
        return people
    told = choice.ledger.select("customer_no", lost=pl.col("risk") >= churn.lost_from)
    return people.join(told, on="customer_no", how="left").with_columns(pl.col("lost").fill_null(True))


def _under_contract(session: Session, settings: Settings, choice: Choice) -> PartSums:
    """What became of everybody who had a contract at the start of the window before."""
    as_of, success = choice.order.as_of, choice.campaign.success
    begun = as_of - timedelta(days=success.lasts)
    held = contracts(session, settings, as_of=begun, through=as_of).filter("held")
    known = held.select("customer_no", "held_minor", "kept_minor", arm=pl.lit(DRAWN), lost=~pl.col("kept"))
    return _window_before(session, settings, known, as_of, success).arm(DRAWN)


def _window_before(
    session: Session, settings: Settings, people: pl.DataFrame, through: date, success: Success
) -> RunSums:
    """What ``people`` (customer_no, arm, more of MEMBER_CELLS) did in the window that ends with ``through``."""
    unknown = {name: pl.lit(None, dtype=kind) for name, kind in MEMBER_CELLS.items() if name not in people.columns}
    return sum_members(
        [path_of(settings.facts, digest) for digest in digests(session)],
        t0_on=through - timedelta(days=success.lasts),
        window_days=success.window,
        blank_out=success.blank_out,
        through=through,
        members=people.with_columns(**unknown | {"cost_micros": pl.lit(0, dtype=pl.Int64)}),
    )


def _alike(session: Session, settings: Settings, choice: Choice) -> PartSums | None:
    """What those did since whom the same rules choose one window earlier, no earlier run counted.

    None where risk plans, and where the data do not reach a window further back, by which value lost is told.
    """
    as_of, success = choice.order.as_of, choice.campaign.success
    then, begun = as_of - timedelta(days=success.lasts), data_from(session)
    planned_by_risk = success.measure in PREDICTED and not choice.campaign.churn.by_model
    if planned_by_risk or begun is None or begun > then - timedelta(days=success.window):
        return None
    earlier = choose_now(replay(choice.order.campaign_id, then), settings)
    people = drawn_or_not(earlier.ledger).pipe(_with_forecast, choice)
    return _window_before(session, settings, people, as_of, success).arm(DRAWN)


def preview_customer(settings: Settings, campaign_id: str, as_of: date, customer_id: str) -> OneCustomer:
    """What one customer would get, or why nothing; WrongUse when there is no such customer."""
    choice = choose_now(manual(campaign_id, as_of), settings)
    with database(settings.database_url) as engine, reading(engine) as session:
        customer = customer_by_id(session, customer_id)
        if customer is None:
            raise WrongUse(f"no customer '{customer_id}'")
        row = next(choice.ledger.filter(pl.col("customer_no") == customer.no).iter_rows(named=True), None)
        arm = row["arm"] if row else None
        gets = row is not None and arm not in {None, HOLDOUT}
        return OneCustomer(
            run=choice.run,
            customer=customer_id,
            arm=arm,
            reason=None if gets else _why_nothing(row),
            channel=row["channel"] if row and gets else None,
            to=_masked(customer, row["channel"]) if row and gets else None,
            message=_letters(session, settings, choice, [customer.no or 0]).written(row, customer)
            if row and gets
            else None,
        )


def _why_nothing(row: Mapping[str, Any] | None) -> str:
    return "not_scored" if row is None else row["reason"] or HOLDOUT


def _letters(session: Session, settings: Settings, choice: Choice, whom: Sequence[int]) -> "_Letters":
    """What writes to these customers, with what would be recommended to them now."""
    told: dict[int, str] = {}
    if asks_for_products(pinned_templates(choice.files)):
        orders, as_of = digests(session), choice.order.as_of
        told = recommended_to(session, settings, pl.Series(whom, dtype=pl.Int64), as_of, orders, None)
    return _Letters(choice, settings, told)


class _Letters:
    """Writes messages as the campaign's files are now, the links as placeholders."""

    def __init__(self, choice: Choice, settings: Settings, recommended: Mapping[int, str]) -> None:
        self._recommended = recommended
        self._campaign, self._sender, self._as_of = choice.campaign, settings.file.sender, choice.order.as_of
        files = pinned_templates(choice.files)
        self._message = lru_cache(maxsize=None)(lambda template: load(files, template))

    def written(self, row: Mapping[str, Any], customer: Customer) -> Email | Sms | RenderFailure:
        """The message of one member: ``row`` of the ledger."""
        message, name = self._of(row["arm"]), self._campaign.name
        language = message.language(customer.locale).tag
        written = render(
            message,
            row["channel"],
            customer={
                "name": customer.name,
                "locale": customer.locale,
                "country": customer.country,
                "recommended": read_products(self._recommended.get(row["customer_no"])),
                **order_values(row["orders"], row["last_order_on"], self._as_of),
            },
            campaign={"name": (name.zh if language.startswith("zh") else None) or name.en},
            links=samples()["links"],
            sender=self._sender.values(language),
        )
        refused = unlawful(written, customer.phone or "", message.name) if isinstance(written, Sms) else None
        return refused or written

    def sheets(self) -> Iterable[Sheet]:
        """Every variant in every language."""
        name, sender = self._campaign.name, self._sender
        return sheets(
            {variant: self._message(template) for variant, template in self._campaign.templates().items()},
            self._campaign.step.channels,
            campaign={"en": {"name": name.en}, "zh": {"name": name.zh or name.en}},
            sender={language: sender.values(language) for language in LANGUAGES},
        )

    def _of(self, arm: str) -> Message:
        known = self._campaign.templates()
        return self._message(known.get(arm) or next(iter(known.values())))


def _costs(session: Session, settings: Settings, choice: Choice) -> Iterable[Cost]:
    """One Cost for each channel that is used; a text's segments are the mean of MEASURED_TEXTS of them."""
    messages = messages_by_channel(choice.ledger)
    for channel in CHANNELS:
        if count := messages.get(channel, 0):
            each = 1.0 if channel == "email" else _segments(session, settings, choice)
            price = settings.price_micros(channel)
            yield Cost(channel=channel, messages=count, units=math.ceil(count * each), price_micros=price)


def _segments(session: Session, settings: Settings, choice: Choice) -> float:
    """The mean number of segments of a text message; one that cannot be written has none."""
    texts = choice.ledger.filter((pl.col("channel") == "sms") & (pl.col("arm") != HOLDOUT))
    some = texts.gather_every(math.ceil(texts.height / MEASURED_TEXTS))
    people, letters = _people(session, some), _letters(session, settings, choice, some["customer_no"].to_list())
    written = [letters.written(row, people[row["customer_no"]]) for row in some.iter_rows(named=True)]
    return sum(text.size.segments for text in written if isinstance(text, Sms)) / len(written)


def _people(session: Session, rows: pl.DataFrame) -> dict[int, Customer]:
    """customer_no -> the customer, of a few rows."""
    chosen = select(Customer).where(col(Customer.no).in_(rows["customer_no"].to_list()))
    return {customer.no: customer for customer in session.execute(chosen).scalars()}


def _sample(session: Session, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows as they may be shown: addresses masked, names left out."""
    people = _people(session, rows)
    return [
        {
            "customer": mask_contact(row["customer_id"]) if "@" in row["customer_id"] else row["customer_id"],
            "arm": row["arm"],
            "channel": row["channel"],
            "to": _masked(people[row["customer_no"]], row["channel"]),
            "risk": row["risk"],
            "expected_value": row["expected_value"],
            "past_value": row["past_value"],
            "orders": row["orders"],
            "last_order_on": row["last_order_on"].isoformat() if row["orders"] else None,
        }
        for row in rows.iter_rows(named=True)
    ]


def _masked(customer: Customer, channel: Channel) -> str:
    return mask_contact((customer.email if channel == "email" else customer.phone) or "")
