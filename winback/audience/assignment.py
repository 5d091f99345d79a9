"""Which arm a person is in: decided by a stable hash, before any message exists.

The same salt, campaign and person always give the same point of [0, 1); an arm is an interval of it. A person who
was in an arm before stays in it, whatever the shares are now.
"""

import hashlib
from collections.abc import Mapping

import polars as pl

from winback.campaigns.campaign import HOLDOUT


def point(salt: str, campaign_id: str, person: str) -> float:
    """The person's point in [0, 1): the first 8 bytes of sha256(salt NUL campaign NUL person) / 2^64."""
    seed = "\0".join((salt, campaign_id, person)).encode()
    return int.from_bytes(hashlib.sha256(seed).digest()[:8]) / 2**64


def seed_name(salt: str) -> str:
    """What a report calls the salt: 16 hexadecimal digits that name it and do not tell it."""
    return hashlib.sha256(b"winback seed 1\0" + salt.encode()).hexdigest()[:16]


def arm_at(at: float, shares: Mapping[str, float]) -> str:
    """The arm whose cumulative share interval holds the point; shares sum to 1."""
    reached = 0.0
    for arm, share in shares.items():
        reached += share
        if at < reached:
            return arm
    return [arm for arm, share in shares.items() if share > 0][-1]  # rounding: the sum fell short of 1


def _arm(at: float, before: str | None, shares: Mapping[str, float]) -> str:
    """The arm of the first entry; who was in a variant that is no more gets one of those that are."""
    if before is None:
        return arm_at(at, shares)
    if before in shares or before == HOLDOUT:
        return before
    variants = {arm: share for arm, share in shares.items() if arm != HOLDOUT}
    return arm_at(at, {arm: share / sum(variants.values()) for arm, share in variants.items()})


def assign(
    ledger: pl.DataFrame,
    *,
    salt: str,
    campaign_id: str,
    shares: Mapping[str, float],
    earlier: Mapping[str, str],
) -> pl.DataFrame:
    """The ledger with an arm for everyone who is in; ``earlier``: person -> arm of the first entry."""
    inside = ledger.filter(pl.col("reason").is_null()).select("customer_no", "person")
    arms = [_arm(point(salt, campaign_id, person), earlier.get(person), shares) for person in inside["person"]]
    before = [person in earlier for person in inside["person"]]
    chosen = inside.select(
        "customer_no", arm=pl.Series(arms, dtype=pl.String), drawn_before=pl.Series(before, dtype=pl.Boolean)
    )
    joined = ledger.drop("arm", "drawn_before").join(chosen, on="customer_no", how="left")
    return joined.with_columns(pl.col("drawn_before").fill_null(False)).select(ledger.columns)
