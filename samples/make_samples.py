"""Invents customers.csv.gz and suppressions.csv for the customer ids of the CDNOW orders.

    python samples/make_samples.py [FOLDER]

Nobody in these files exists. E-mail addresses are in the domains reserved for documentation (RFC 2606:
example.com, example.net, example.org). Phone numbers are only from ranges reserved for fiction: in North
America 555-0100 to 555-0199 in each area code, in Britain Ofcom's drama mobiles 07700 900000 to 900999. The
same seed gives the same files everywhere: only ``Random.random`` is drawn from, whose sequence Python
guarantees.
"""

import csv
import gzip
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

SEED = 19970101
CUSTOMERS = 23_570  # the ids 00001 to 23570 of orders.csv.gz

CHINESE, BRITISH = 0.30, 0.07
NO_EMAIL, PHONE_BESIDE_EMAIL, PHONE_INSTEAD = 0.12, 0.50, 0.95
EMAIL_NO, EMAIL_BLANK = 0.08, 0.06
SMS_NO, SMS_BLANK = 0.15, 0.15
SHARED, SUPPRESSED, NO_NAME, ODD_NAME = 0.02, 0.01, 0.004, 0.006

COLUMNS = (
    "customer_id", "email", "phone", "name", "locale", "country", "timezone",
    "email_consent", "sms_consent", "consent_source", "consent_at", "favourite_genre",
)  # fmt: skip

AREA_CODES = {
    "America/New_York": """201 202 203 207 212 215 216 229 231 234 240 248 252 267 269 301 302 304 305 313 315
        321 330 336 339 347 352 386 401 404 407 410 412 413 419 434 440 443 478 484 508 513 516 517 518 540 551
        561 567 570 571 585 586 603 607 609 610 614 616 617 631 646 678 703 704 706 716 717 718 724 727 732 734
        740 757 762 770 772 774 781 786 802 803 804 810 813 814 828 843 845 848 856 857 860 862 863 864 878 904
        908 910 912 914 917 919 937 941 947 954 973 978 980 984 989""",
    "America/Chicago": """205 210 214 217 218 224 225 228 251 254 256 262 281 309 312 314 316 318 319 320 325
        331 334 337 361 402 405 409 414 417 430 469 479 501 504 507 512 515 563 573 580 601 608 612 615 618 630
        636 641 651 660 662 682 708 712 713 715 731 763 773 779 806 815 816 817 830 832 847 870 872 901 903 918
        920 931 936 940 952 956 972 979 985""",
    "America/Denver": "303 307 385 406 435 505 575 719 720 801 970",
    "America/Phoenix": "480 520 602 623 928",
    "America/Los_Angeles": """206 209 213 253 310 323 360 408 415 425 503 509 510 530 559 562 619 626 650 661 702
        707 714 760 775 805 818 831 858 909 916 925 949 951 971""",
    "America/Anchorage": "907",
    "Pacific/Honolulu": "808",
}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIVEN = _words(
    """
    Ada Alan Alice Amara Andre Anna Arthur Beatrice Ben Carla Carmen Cedric Chloe Clara Daniel Deborah Diana
    Dmitri Edith Elena Elijah Emma Esther Farid Fiona Frank Gail George Grace Hannah Harold Hector Helen Ian
    Ida Imani Irene Isaac Ivy Jack Jamal Jane Joel Josephine Juan Karen Keiko Kofi Laura Leon Lila Louis
    Lucy Malik Margaret Marcus Maria Martha Maya Miguel Mona Nadia Nathan Nora Olga Oscar Pablo Pearl Peter
    Priya Quentin Rachel Ravi Rosa Ruth Samuel Sara Sean Simone Sofia Stella Tariq Teresa Theo Uma Vera
    Victor Wanda Walter Yara Zoë
    """
)
FAMILY = _words(
    """
    Abbott Adeyemi Alvarez Archer Baker Banerjee Barlow Becker Bishop Brandt Brooks Carver Castillo Chandler
    Clarke Cohen Cooper Curtis D'Angelo Dawson Delgado Diaz Dixon Douglas Duncan Ellis Evans Farrell Fischer
    Fletcher Foster Franklin Garcia Gibson Goldberg Grant Griffin Haddad Hansen Harper Hayes Hoffman
    Holloway Hughes Ibrahim Ingram Jacobs Jensen Johansson Kapoor Keller Kim Kowalski Lambert Larsen Lawson
    Lindqvist Lopez MacLeod Marsh Mbeki Mendoza Mercer Mitchell Moreau Morgan Nakamura Newman Nguyen Novak
    O'Brien O'Neil Okafor Olsen Ortiz Park Parker Patel Pereira Porter Quinn Ramirez Reyes Rossi Russo
    Sandoval Schmidt Shaw Sherwood Silva Singh Sokolov Stone Sullivan Tanaka Thornton Torres Turner Vance
    Vargas Walsh Weaver Whitfield Yamamoto Young Zimmerman
    """
)
CHINESE_FAMILY = _words(
    """
    王wang 李li 张zhang 刘liu 陈chen 杨yang 赵zhao 黄huang 周zhou 吴wu 徐xu 孙sun 胡hu 朱zhu 高gao 林lin
    何he 郭guo 马ma 罗luo 梁liang 宋song 郑zheng 谢xie 韩han 唐tang 冯feng 于yu 董dong 萧xiao 程cheng 曹cao
    袁yuan 邓deng 许xu 傅fu 沈shen 曾zeng 彭peng 吕lü 欧阳ouyang 司马sima 诸葛zhuge
    """
)
CHINESE_GIVEN = _words(
    """
    伟wei 芳fang 娜na 敏min 静jing 丽li 强qiang 磊lei 军jun 洋yang 勇yong 艳yan 杰jie 娟juan 涛tao 明ming
    超chao 霞xia 平ping 刚gang 桂英guiying 秀兰xiulan 建华jianhua 文博wenbo 雨桐yutong 梓涵zihan 思远siyuan
    晓燕xiaoyan 志强zhiqiang 海燕haiyan 嘉怡jiayi 俊杰junjie 欣然xinran 浩然haoran 美玲meiling 国庆guoqing
    诗雨shiyu 子轩zixuan 佳琪jiaqi 天宇tianyu 晨曦chenxi 婉婷wanting 镕rong 喆zhe
    """
)
ODD_NAMES = (
    "Zoë 🎸 Quinn",
    "👩‍🎤 Stella",
    "נועה לוי",
    "ليلى حداد",
    "Ana María Fernández-Montoya y Castellblanco de la Torre",
    "Maximiliana Ottersbergerhausendorffenstein-Wimbleforth",
    'O\'Neil "Bob" & Co',
    "Jo",
    "null",
    "Ana-Sofía d'Àvila",
    "李雷🎵",
)
GENRES = ("rock", "pop", "jazz", "classical", "country", "hip hop", "folk", "soundtrack", "")
SOURCES = ("checkout", "account page", "newsletter form", "phone order")
REASONS = {"email": ("unsubscribed", "complaint", "hard bounce"), "sms": ("STOP", "unsubscribed", "wrong number")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """One customer as written to the file; "" = blank."""

    customer_id: str
    email: str
    phone: str
    name: str
    locale: str
    country: str
    timezone: str
    email_consent: str
    sms_consent: str
    consent_source: str
    consent_at: str
    favourite_genre: str


@dataclass(slots=True)
class Dice:
    """Chances and choices from one seeded sequence."""

    random: Random = field(default_factory=lambda: Random(SEED))

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def below(self, n: int) -> int:
        return int(self.random.random() * n)

    def one_of(self, items: Sequence[str]) -> str:
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[str]) -> list[str]:
        return sorted(items, key=lambda _: self.random.random())


class Phones:
    """Numbers reserved for fiction, each given out once; a pool that is empty gives ""."""

    def __init__(self, dice: Dice) -> None:
        british = dice.shuffled([f"+447700900{i:03d}" for i in range(1000)])
        american = [
            (zone, dice.shuffled([f"+1{code}555{i:04d}" for code in codes.split() for i in range(100, 200)]))
            for zone, codes in AREA_CODES.items()
        ]
        self._pools = {"Europe/London": british, **dict(american)}

    def take(self, zone: str) -> str:
        pool = self._pools.get(zone, self._pools["America/New_York"])
        return pool.pop() if pool else ""


def invent(dice: Dice) -> list[Invented]:
    """All customers; then a few are given the address of another."""
    phones = Phones(dice)
    people = [_person(dice, phones, number) for number in range(1, CUSTOMERS + 1)]
    for _ in range(round(SHARED * CUSTOMERS)):
        _share(dice, people)
    return people


def _person(dice: Dice, phones: Phones, number: int) -> Invented:
    locale, country, zone = _place(dice)
    name, mailbox = _chinese_name(dice) if locale == "zh-CN" else _english_name(dice)
    email = "" if dice.chance(NO_EMAIL) else f"{mailbox}{number}@{_domain(dice)}"
    phone = phones.take(zone) if dice.chance(PHONE_BESIDE_EMAIL if email else PHONE_INSTEAD) else ""
    by_email = _consent(dice, EMAIL_NO, EMAIL_BLANK) if email else ""
    by_sms = _consent(dice, SMS_NO, SMS_BLANK) if phone else ""
    asked = bool(by_email or by_sms)
    return Invented(
        customer_id=f"{number:05d}",
        email=email.upper() if dice.chance(0.005) else email,
        phone=phone,
        name=_shown_name(dice, name),
        locale=locale,
        country=country,
        timezone=zone,
        email_consent=by_email,
        sms_consent=by_sms,
        consent_source=dice.one_of(SOURCES) if asked else "",
        consent_at=_minute(dice, datetime(1997, 1, 1), days=180) if asked else "",
        favourite_genre=dice.one_of(GENRES),
    )


def _place(dice: Dice) -> tuple[str, str, str]:
    if dice.chance(CHINESE):
        return "zh-CN", "CN", "Asia/Shanghai"
    if dice.chance(BRITISH / (1 - CHINESE)):
        return "en", "GB", "Europe/London"
    codes = [(zone, code) for zone, text in AREA_CODES.items() for code in text.split()]
    return "en", "US", codes[dice.below(len(codes))][0]


def _english_name(dice: Dice) -> tuple[str, str]:
    given, family = dice.one_of(GIVEN), dice.one_of(FAMILY)
    return f"{given} {family}", f"{given}.{family}".lower().replace("'", "").replace("ë", "e")


def _chinese_name(dice: Dice) -> tuple[str, str]:
    family, given = dice.one_of(CHINESE_FAMILY), dice.one_of(CHINESE_GIVEN)
    written = "".join(c for c in family + given if c >= "\u4e00")
    spelt = [_latin(given), _latin(family)]
    return written, ".".join(spelt)


def _latin(text: str) -> str:
    return "".join(c for c in text if c < "\u4e00").replace("ü", "v")


def _shown_name(dice: Dice, name: str) -> str:
    if dice.chance(NO_NAME):
        return ""
    return dice.one_of(ODD_NAMES) if dice.chance(ODD_NAME) else name


def _domain(dice: Dice) -> str:
    return dice.one_of(("example.com", "example.com", "example.net", "example.org"))


def _consent(dice: Dice, no: float, blank: float) -> str:
    drawn = dice.random.random()
    return "no" if drawn < no else "" if drawn < no + blank else "yes"


def _minute(dice: Dice, start: datetime, *, days: int) -> str:
    return f"{start + timedelta(minutes=dice.below(days * 24 * 60)):%Y-%m-%d %H:%M}"


def _share(dice: Dice, people: list[Invented]) -> None:
    """Give somebody the e-mail address or phone of somebody else, as in a household; consent stays his own."""
    taker, giver = dice.below(CUSTOMERS), dice.below(CUSTOMERS)
    if people[giver].email and people[taker].email:
        people[taker] = replace(people[taker], email=people[giver].email)
    elif people[giver].phone and people[taker].phone:
        people[taker] = replace(people[taker], phone=people[giver].phone)


def suppressions(dice: Dice, people: Sequence[Invented]) -> list[dict[str, str]]:
    """The opt-out list of the old tool: about one address in a hundred, and a few customers by id."""
    rows = [_opt_out(dice, "email", address=one.email) for one in people if one.email and dice.chance(SUPPRESSED)]
    rows += [_opt_out(dice, "sms", address=one.phone) for one in people if one.phone and dice.chance(SUPPRESSED)]
    rows += [_opt_out(dice, "email", customer_id=one.customer_id) for one in people[7::2000]]
    return sorted(rows, key=lambda row: row["at"])


def _opt_out(dice: Dice, channel: str, *, address: str = "", customer_id: str = "") -> dict[str, str]:
    return {
        "address": address,
        "customer_id": customer_id,
        "channel": "" if dice.chance(0.1) else channel,
        "reason": dice.one_of(REASONS[channel]),
        "at": _minute(dice, datetime(1997, 2, 1), days=330),
    }


def _csv(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write(folder: Path) -> None:
    """Write both files; the gzip header carries no time, so that equal content is an equal file."""
    dice = Dice()
    people = invent(dice)
    customers = _csv(COLUMNS, [{column: getattr(one, column) for column in COLUMNS} for one in people])
    (folder / "customers.csv.gz").write_bytes(gzip.compress(customers.encode(), mtime=0))
    opted_out = _csv(("address", "customer_id", "channel", "reason", "at"), suppressions(dice, people))
    (folder / "suppressions.csv").write_text(opted_out, encoding="utf-8", newline="")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
