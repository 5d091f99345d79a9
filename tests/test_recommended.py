"""What is recommended to a customer, in his message: from the lines of orders to the letter that leaves."""

import json
import re

import polars as pl
import pytest
from sqlalchemy import select
from sqlmodel import col

from db.engine import database, reading
from db.settings import Settings, read_settings
from db.tables import Assignment, Customer
from flows.campaign_run import carry_out, manual
from flows.sending import send_due
from tests.test_cli import ask
from tests.test_fast_render import SENDER
from tests.test_recommending import lines_of, told
from tests.test_templates import FOOT, a_message
from tests.workspaces import AS_OF, CAMPAIGN, NOW, load, write_campaign
from winback.customers.products import Product, page_of, read_products, write_products
from winback.customers.recommending import recommend
from winback.errors import FileProblem
from winback.message.inspection import check
from winback.message.rendering import Email, RenderFailure, render
from winback.message.specialise import prepare
from winback.message.template import load as load_message

LOOP = (
    "{% if customer.recommended %}{% for item in customer.recommended %}"
    '{% if item.link %}<a href="{{ item.link }}">{{ item.name }}</a>{% else %}{{ item.name }}{% endif %}; '
    "{% endfor %}{% else %}All our records{% endif %}"
)
LINKS = {"unsubscribe": "https://shop.example/u"}


def written(html: str, *, text: str = "Hi", **customer: object) -> Email | RenderFailure:
    """The e-mail with this HTML; the fast render must give the same."""
    files = a_message({"hello/body.html": f"{html} {FOOT}", "hello/body.txt": f"{text} {FOOT}"})
    message, campaign = load_message(files, "hello"), {"name": "Spring"}
    plain = render(message, "email", customer=customer, campaign=campaign, links=LINKS, sender=SENDER)
    assert prepare(message, "email", campaign=campaign, sender=SENDER)(customer, LINKS) == plain
    return plain


def problems(html: str) -> list[str]:
    return [str(each) for each in check(a_message({"hello/body.html": f"{html} {FOOT}"}), "hello", ["email"])]


# --- which products ----------------------------------------------------------------------------------------------


def test_asked_for_some_customers_only_each_gets_what_he_would_among_all():
    shop = lines_of({1: "a", 2: "abc", 3: "ab", 4: "cd", 5: "cd", 6: "d"}, returned={4: "a"})
    everybody = recommend(shop)

    found = recommend(shop, pl.Series([4, 1]))

    assert found["customer_no"].unique().sort().to_list() == [1, 4]
    assert [told(found, number) for number in (1, 4)] == [told(everybody, number) for number in (1, 4)]


def test_who_bought_nothing_that_is_known_gets_the_bestsellers():
    """Buyers: a 3, b 2, c 1."""
    found = recommend(lines_of({1: "abc", 2: "ab", 3: "a"}), pl.Series([9]))

    assert told(found, 9) == "abc"


def test_an_id_cannot_change_where_its_page_is():
    assert page_of("https://shop.example/p/{product_id}?v=1", "a/../b?x#é") == (
        "https://shop.example/p/a%2F..%2Fb%3Fx%23%C3%A9?v=1"
    )
    assert page_of(None, "a") is None


def test_what_a_run_keeps_is_what_a_template_gets():
    kept = write_products([Product(name="Été", link=None), Product(name="b", link="https://shop.example/b")])

    assert read_products(kept) == [{"name": "Été", "link": None}, {"name": "b", "link": "https://shop.example/b"}]
    assert read_products(None) == []


@pytest.mark.parametrize(
    "pattern",
    ["http://shop.example/{product_id}", "https://shop.example/p", "https://{product_id}/p", "/p/{product_id}"],
)
def test_a_page_that_is_no_page_of_a_shop_is_refused(shop: Settings, pattern: str):
    file = shop.workspace / "winback.toml"
    file.write_text(f'product_link = "{pattern}"\n' + file.read_text(encoding="utf-8"), encoding="utf-8")

    with pytest.raises(FileProblem, match="product_link: write an address such as"):
        read_settings({}, shop.workspace)


# --- in a template -----------------------------------------------------------------------------------------------


def test_products_are_shown_with_their_links_and_names_stay_text():
    products = [{"name": "Q & A", "link": "https://shop.example/p/1"}, {"name": "  B\n ", "link": None}]

    found = written(LOOP, recommended=products)

    assert isinstance(found, Email)
    assert found.html.startswith('<a href="https://shop.example/p/1">Q &amp; A</a>; B; ')


@pytest.mark.parametrize("customer", [{}, {"recommended": None}, {"recommended": []}])
def test_who_has_none_gets_the_other_text(customer: dict[str, object]):
    found = written(LOOP, **customer)

    assert isinstance(found, Email)
    assert found.html.startswith("All our records")


def test_a_template_that_counts_on_them_skips_who_has_none():
    found = written("{% for item in customer.recommended %}{{ item.name }}{% endfor %}")

    assert isinstance(found, RenderFailure)
    assert found.field == "customer.recommended"


@pytest.mark.parametrize("part", ["html", "text"])
def test_the_list_itself_is_never_printed(part: str):
    shown = {"html": "Hi", "text": "Hi"} | {part: "{{ customer.recommended }}"}

    found = written(**shown, recommended=[{"name": "A", "link": None}])

    assert isinstance(found, RenderFailure)


def test_the_loop_of_products_has_no_faults():
    assert problems(LOOP) == []
    first = LOOP.replace("in customer.recommended", "in customer.recommended[:2]")
    assert problems(first) == []


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("{{ customer.recomended }}", "did you mean 'customer.recommended'?"),
        ("{% for item in customer.recommended %}{{ item.nam }}{% endfor %}", "has no attribute 'nam'"),
        ('{% set item = {"link": customer.name} %}<a href="{{ item.link }}">x</a>', "href must lead to a known"),
        (LOOP + '{% set item = {"link": customer.name} %}', "href must lead to a known place"),
        ('{% for item in customer.recommended %}<a href="{{ item.name }}">x</a>{% endfor %}', "href must lead"),
        ('{% for item in customer.recommended %}<a href="{{ item.link }}.evil">x</a>{% endfor %}', "href must"),
    ],
)
def test_what_is_no_product_or_leads_elsewhere_is_refused(html: str, said: str):
    assert any(said in problem for problem in problems(html)), problems(html)


# --- in a run ----------------------------------------------------------------------------------------------------


def a_record_shop(shop: Settings, template: str = LOOP) -> Settings:
    """Ann bought Blue and sent Green back; of Blue's three buyers two also bought Red, two Green."""
    for name in ("html", "txt", "zh-CN.html", "zh-CN.txt"):
        part = template if name.endswith("html") else re.sub("<[^<>]*>", "", template)  # a text has no tags
        (shop.templates / "hello" / f"body.{name}").write_text(f"{part} {FOOT}", encoding="utf-8")
    file = shop.workspace / "winback.toml"
    link = 'product_link = "https://shop.example/p/{product_id}"\n'
    file.write_text(link + file.read_text(encoding="utf-8"), encoding="utf-8")
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    people = ("ann", "bob", "eve")
    load(shop, "customers", "customer_id,email,email_consent\n"
         + "".join(f"{name},{name}@example.com,yes\n" for name in people))  # fmt: skip
    load(shop, "orders", "customer_id,order_id,ordered_at,amount,refund_of\n"
         + "".join(f"{name},{name}1,2025-11-01,10.00,\n" for name in people)
         + "ann,ann2,2025-11-05,-5.00,ann1\n")  # fmt: skip
    rows = [("ann", "ann1", "B1", "Blue"), ("bob", "bob1", "B1", "Blue"), ("eve", "eve1", "B1", "Blue")]
    rows += [(name, f"{name}1", product, word) for name in ("bob", "eve") for product, word in
             (("R1", "Red & Gold"), ("G1", "Green"))]  # fmt: skip
    rows += [("ann", "ann2", "G1", "Green"), ("bob", "bob1", "X1", "")]
    lines = "".join(f"{order},{name},{product},{word},1,5.00\n" for name, order, product, word in rows)
    load(shop, "lines", "order_id,customer_id,product_id,product_name,quantity,unit_price\n" + lines)
    return read_settings({}, shop.workspace)


def letters(settings: Settings) -> dict[str, str]:
    """Address -> the letter as it left."""
    found = {}
    for path in settings.outbox_folder.glob("*.eml"):
        text = path.read_text(encoding="utf-8")
        found[text.split("To: ")[1].split("\n")[0].strip()] = text
    return found


def recommended(settings: Settings) -> dict[str, list[str] | None]:
    with database(settings.database_url) as engine, reading(engine) as session:
        chosen = select(Customer.customer_id, Assignment.recommended)
        rows = session.execute(chosen.join(Assignment, col(Assignment.customer_no) == col(Customer.no))).all()
    return {name: None if text is None else [each["name"] for each in json.loads(text)] for name, text in rows}


def test_a_letter_shows_what_was_recommended_when_its_run_chose_him(shop: Settings):
    """Ann's is Red: Green came back, what has no name cannot be shown, and lines of later change nothing."""
    settings = a_record_shop(shop)
    carry_out(manual("spring", AS_OF), settings, NOW)
    load(shop, "lines", "order_id,customer_id,product_id,product_name,quantity,unit_price\n"
         "ann1,ann,R1,Red & Gold,1,5.00\n")  # fmt: skip

    send_due(settings, lambda: NOW, until_empty=True)

    assert recommended(settings) == {"ann": ["Red & Gold"], "bob": None, "eve": None}
    sent = letters(settings)
    assert '<a href="https://shop.example/p/R1">Red &amp; Gold</a>' in sent["ann@example.com"]
    assert "All our records" in sent["bob@example.com"]


def test_a_run_whose_templates_do_not_ask_keeps_none(shop: Settings):
    settings = a_record_shop(shop, template="Hi")

    carry_out(manual("spring", AS_OF), settings, NOW)

    assert set(recommended(settings).values()) == {None}


def test_a_preview_shows_a_customer_what_would_be_recommended(shop: Settings, capsys: pytest.CaptureFixture[str]):
    a_record_shop(shop)

    code, out, _ = ask(capsys, "preview", "spring", "--as-of", str(AS_OF), "--customer", "ann")

    assert (code, "Red & Gold" in out, "Green" in out) == (0, True, False)


def test_check_says_that_there_is_nothing_to_recommend_from(shop: Settings, capsys: pytest.CaptureFixture[str]):
    body = shop.templates / "hello" / "body.html"
    body.write_text(f"{LOOP} {FOOT}", encoding="utf-8")

    code, _, before = ask(capsys, "check")
    load(shop, "lines", "order_id,customer_id,product_id,quantity,unit_price\n1,ann,a,1,5.00\n")
    _, _, after = ask(capsys, "check")

    said = "shows customer.recommended, but no lines of orders are imported: nobody gets recommendations"
    assert (code, said in before, said in after) == (0, True, False)
