"""Why customers leave: nine causes, and the words under which they arrive in feedback and in reasons of an end."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import polars as pl

from winback.words import Words


class Cause(StrEnum):
    """The nine causes; the source is the marketers' own list."""

    QUALITY = "quality"
    SERVICE = "service"
    PRICE = "price"
    FALSE_PROMISES = "false_promises"
    NEGLECTED = "neglected"
    COMPETITOR = "competitor"
    BRAND = "brand"
    BUSINESS_CHANGE = "business_change"
    OWN = "own"


CAUSE_NAMES: Final[Mapping[Cause, Words]] = {
    Cause.QUALITY: Words("Product quality", "产品质量"),
    Cause.SERVICE: Words("Service", "服务体验"),
    Cause.PRICE: Words("Price", "价格"),
    Cause.FALSE_PROMISES: Words("False promises", "虚假宣传"),
    Cause.NEGLECTED: Words("Neglected relationship", "客情维护不到位"),
    Cause.COMPETITOR: Words("Competitor", "竞争对手"),
    Cause.BRAND: Words("Brand damaged", "品牌受损"),
    Cause.BUSINESS_CHANGE: Words("Business change", "业务调整"),
    Cause.OWN: Words("The customer's own", "客户自身原因"),
}
# Other words for them, as ``plain`` writes words: what surveys, service desks and contracts say.
_ALSO: Final[Mapping[Cause, str]] = {
    Cause.QUALITY: "product_quality defect defective broken style_changed lack_of_novelty "
    "质量 产品质量 款式 缺乏创新",
    Cause.SERVICE: "bad_service poor_service support delivery late_delivery 服务 服务体验 物流 配送",
    Cause.PRICE: "too_expensive expensive cost 价格 太贵 费用",
    Cause.FALSE_PROMISES: "false_promise broken_promise misleading 虚假宣传 夸大宣传",
    Cause.NEGLECTED: "neglected_relationship no_contact over_contact 客情维护不到位 过度骚扰 无人联系",
    Cause.COMPETITOR: "competition rival switched switched_to_competitor 竞争对手 竞品",
    Cause.BRAND: "brand_damaged reputation 品牌 品牌受损",
    Cause.BUSINESS_CHANGE: "discontinued business_changed 业务调整 停产",
    Cause.OWN: "customer's_own own_reasons moved relocated died outgrown outgrew outgrew_it no_longer_needed "
    "客户自身原因 自身原因 搬家 去世 不再需要",
}
CAUSE_OF: Final[Mapping[str, str]] = {
    word: cause.value for cause in Cause for word in (cause.value, *_ALSO[cause].split())
}


def plain(text: pl.Expr) -> pl.Expr:
    """A reason as one word of small letters: ``Too expensive`` is ``too_expensive``."""
    return text.str.strip_chars().str.to_lowercase().str.replace_all(r"[\s_-]+", "_")


def cause_of(text: pl.Expr) -> pl.Expr:
    """The cause a text names, null for one that names none of the nine."""
    return plain(text).replace_strict(dict(CAUSE_OF), default=None, return_dtype=pl.String())
