"""Recommended products as a run keeps them and as a message shows them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import quote

PLACE: Final = "{product_id}"  # in the pattern of a product's page


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One recommended product as a message shows it; ``link`` is None where the shop names no page for it."""

    name: str
    link: str | None


def page_of(pattern: str | None, product_id: str) -> str | None:
    """The address of a product's page: ``{product_id}`` in the ``pattern`` is replaced, safely for an address."""
    return pattern.replace(PLACE, quote(product_id, safe="")) if pattern else None


def write_products(products: Iterable[Product]) -> str:
    """As the run keeps them."""
    return json.dumps([asdict(each) for each in products], ensure_ascii=False)


def read_products(text: str | None) -> list[dict[str, str | None]]:
    """What ``write_products`` wrote, as templates see it: dicts of name and link."""
    found: list[dict[str, str | None]] = json.loads(text) if text else []
    return found
