"""What portraits are called: suggested by what their members are like, or as portraits.yaml says.

A shape says how often, for how much and until when: each beside the median of all the churned, or nothing.
"""

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Final

from pydantic import AfterValidator

from winback.campaigns.churn_kind import PORTRAITS_FILE
from winback.campaigns.file import examine_as
from winback.campaigns.section import Names, Section
from winback.errors import CampaignError, nearest
from winback.words import Words

USUAL: Final = "usual"  # in the middle: the name does not speak of it
OFTEN: Final[Mapping[str, Words]] = {
    "one": Words("One order", "只买过一次"),
    "few": Words("Few orders", "购买不多"),
    "several": Words("More than one order", "不止一次购买"),
    "regulars": Words("Regulars", "常客"),
}
MUCH: Final[Mapping[str, Words]] = {
    "much": Words("spent much", "消费高"),
    "little": Words("spent little", "消费低"),
}
UNTIL: Final[Mapping[str, Words]] = {
    "quiet": Words("quiet for longer", "沉默较久"),
    "lately": Words("bought until lately", "近期仍购买"),
}
_LIKE_MOST: Final = Words("Like most of the lost", "与多数流失客户相近")
MOST_ALIKE: Final = 5  # portraits of one shape: there are no more in all


def suggested(key: str) -> Words:
    """The name of a shape, such as ``regulars-much-quiet``."""
    parts = zip((OFTEN, MUCH, UNTIL), key.split("-"), strict=True)
    words = [names[part] for names, part in parts if part != USUAL]
    if not words:
        return _LIKE_MOST
    said = Words(", ".join(each.en for each in words), "，".join(each.zh for each in words))
    return Words(said.en[0].upper() + said.en[1:], said.zh)


SHAPES: Final = tuple("-".join(parts) for parts in product(*([*each, USUAL] for each in (OFTEN, MUCH, UNTIL))))
KEYS: Final = (*SHAPES, *(f"{shape}-{number}" for shape in SHAPES for number in range(2, MOST_ALIKE + 1)))


def _known(key: str) -> str:
    if key not in KEYS:
        near = nearest(key, list(KEYS))
        hint = f"; did you mean '{near}'?" if near else ""
        allowed = ", then ".join(" or ".join([*each, USUAL]) for each in (OFTEN, MUCH, UNTIL))
        raise ValueError(
            f"is no portrait (allowed: {allowed}, joined by -, and with -2 where two are alike{hint})"
        )
    return key


class PortraitNames(Section):
    """The file: a portrait's key, as `winback churn --portraits` prints it, and its name."""

    names: dict[Annotated[str, AfterValidator(_known)], Names]


def read_names(text: str, file: str = PORTRAITS_FILE) -> dict[str, Words]:
    """Key -> name; without Chinese the English stands in both. Raises the first of ``problems_of``."""
    found, problems = examine_as(PortraitNames, text, file)
    if found is None:
        raise problems[0]
    return {key: Words(name.en, name.zh or name.en) for key, name in found.names.items()}


def problems_of(text: str, file: str = PORTRAITS_FILE) -> list[CampaignError]:
    """Everything wrong with a file of names, each with its line."""
    return examine_as(PortraitNames, text, file)[1]
