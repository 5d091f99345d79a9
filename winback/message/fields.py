"""What a template may print: the names, written down once. Everything else is refused.

A template sees plain text, numbers and dates only; no object with a method ever reaches it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

Products: TypeAlias = Sequence[Mapping[str, str | None]]
Value: TypeAlias = str | int | date | Products
RECOMMENDED: Final = "recommended"
MADE_UP_LOCALE: Final = "en-GB"  # of the made-up customer: his dates are British, as his name and address are


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One name a template may print.

    ``kind`` is the value's type; a ``list`` is of products, each a dict of ``name`` and ``link``. ``always`` is
    False where a customer may lack it: such a field must stand inside ``{% if %}`` or before ``|default(...)``,
    or that customer's message is skipped. ``sample`` is what checks and previews print.
    """

    kind: type[str] | type[int] | type[date] | type[list[object]]
    en: str
    zh: str
    sample: Value
    always: bool = True


CUSTOMER_FIELDS: Mapping[str, Field] = {
    "name": Field(
        kind=str,
        always=False,
        sample="Ada Quill",
        en="the customer's name as imported",
        zh="客户姓名（按导入原样）",
    ),
    "locale": Field(
        kind=str,
        always=False,
        sample=MADE_UP_LOCALE,
        en="language and region, such as zh-CN",
        zh="语言和地区，例如 zh-CN",
    ),
    "country": Field(kind=str, always=False, sample="GB", en="two-letter country code", zh="两位国家或地区代码"),
    "orders": Field(
        kind=int, sample=4, en="orders up to the as-of day, refunds not counted", zh="截至统计日的订单数，不含退款"
    ),
    "last_order_on": Field(
        kind=date,
        always=False,
        sample=date(2025, 3, 14),
        en="day of the last order; none for who has a contract and never ordered",
        zh="最近一次下单的日期；有合同而从未下单的客户没有",
    ),
    "days_since_order": Field(
        kind=int,
        always=False,
        sample=98,
        en="days from the last order to the as-of day; none where there is none",
        zh="最近一次下单距统计日的天数；没有下单时为空",
    ),
    RECOMMENDED: Field(
        kind=list,
        always=False,
        sample=[
            {"name": "Harbour Lights (LP)", "link": "https://shop.example/p/1502"},
            {"name": "Quay Songs (CD)", "link": "https://shop.example/p/1077"},
            {"name": "Slow Tide (LP)", "link": None},
        ],
        en="up to three products, each with `name` and, where known, `link`; none without order lines",
        zh="最多三个推荐产品，每个有 `name`，已知时有 `link`；没有订单明细时为空",
    ),
}
WITH_AN_ORDER: Final = frozenset({"last_order_on", "days_since_order"})  # missing in a campaign by contract only
PERSONAL: Final = "name"  # of customer: says who he is
PLAIN_CUSTOMER_FIELDS: Final = frozenset(CUSTOMER_FIELDS) - {RECOMMENDED}  # single values
CAMPAIGN_FIELDS: Mapping[str, Field] = {
    "name": Field(
        kind=str,
        sample="Win back",
        en="the campaign's name in the message's language",
        zh="活动名称（消息所用语言）",
    ),
}
LINK_FIELDS: Mapping[str, Field] = {
    "unsubscribe": Field(
        kind=str,
        sample="https://shop.example/u/sample-token",
        en="this customer's own opt-out page; required in body.html and body.txt",
        zh="该客户专属的退订页面；body.html 和 body.txt 必须包含",
    ),
}
SENDER_FIELDS: Mapping[str, Field] = {
    "name": Field(
        kind=str,
        sample="Harbour Records",
        en="who writes; required in body.html and body.txt",
        zh="发件方名称；body.html 和 body.txt 必须包含",
    ),
    "postal_address": Field(
        kind=str,
        sample="1 Quay Lane, Port Example PX1 4QL",
        en="the sender's postal address; required in body.html and body.txt",
        zh="发件方邮政地址；body.html 和 body.txt 必须包含",
    ),
}
MESSAGE_FIELDS: Mapping[str, Field] = {
    "language": Field(
        kind=str,
        sample="en",
        en="the language this text is written in, for <html lang>",
        zh="本文所用语言，用于 <html lang>",
    ),
}
NAMES: Mapping[str, Mapping[str, Field]] = {
    "customer": CUSTOMER_FIELDS,
    "campaign": CAMPAIGN_FIELDS,
    "links": LINK_FIELDS,
    "sender": SENDER_FIELDS,
    "message": MESSAGE_FIELDS,
}
_CHINESE_SAMPLES: Mapping[str, Mapping[str, Value]] = {
    "customer": {
        "name": "林晓雨",
        "locale": "zh-CN",
        "country": "CN",
        RECOMMENDED: [
            {"name": "港湾灯火（LP）", "link": "https://shop.example/p/1502"},
            {"name": "码头之歌（CD）", "link": "https://shop.example/p/1077"},
            {"name": "慢潮（LP）", "link": None},
        ],
    },
    "campaign": {"name": "欢迎回来"},
    "sender": {"name": "海港唱片"},
}
REQUIRED_IN_EMAIL = ("links.unsubscribe", "sender.postal_address")  # CAN-SPAM; safety L1
FOOTER = (
    "links.unsubscribe",
    "sender.name",
    "sender.postal_address",
)  # of a new template; runs pinned before go on


def samples(language: str = "") -> dict[str, dict[str, Value]]:
    """A made-up customer with every field, for checks and previews of what is written in ``language``."""
    made = {group: {name: field.sample for name, field in fields.items()} for group, fields in NAMES.items()}
    for group, names in (_CHINESE_SAMPLES if language.startswith("zh") else {}).items():
        made[group] |= names
    return made


def asks_for_products(templates: Mapping[str, str]) -> bool:
    """Whether one of the templates, path -> text, names the field of recommended products."""
    return any(RECOMMENDED in text for text in templates.values())
