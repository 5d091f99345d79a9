"""Which readings are due, the second one at twice the window among them, and the reports they leave behind."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from db.engine import database, reading
from db.readings import latest, without_second
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.measuring import measure_again, measure_run
from flows.readings import read_due
from flows.reporting import write_reports
from tests.test_measuring import DAY, RUN, a_crowd
from tests.workspaces import CAMPAIGN, NOW, a_workspace, load, write_campaign
from winback.errors import WrongUse
from winback.outcomes.outcomes import write_outcome

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


def test_the_second_reading_is_at_twice_the_window_and_frozen_beside_the_first(shop: Settings):
    """All of 1, 4, 7 ... are back by day 60; two more come on day 90, so they had not stayed away for good."""
    a_crowd(shop, 100, set(range(1, 100, 3)))
    carry_out(manual("spring", DAY), shop, NOW)
    first = measure_run(shop, RUN, NOW)
    assert measure_again(shop, RUN, NOW) is None  # the data end a day after the window
    later = "customer_id,order_id,ordered_at,amount\n"
    later += "".join(f"{n:05},z{n},{DAY + timedelta(days=90)},5.00\n" for n in (2, 5))
    load(shop, "orders", later + f"00100,last,{DAY + timedelta(days=121)},5.00\n")

    second = measure_again(shop, RUN, NOW)

    assert (second.window.days, second.second, second.look) == (120, True, None)
    assert second.primary.x + second.primary.control_x == 100 - 34 - 2
    load(shop, "orders", f"customer_id,order_id,ordered_at,amount\n00008,y,{DAY + timedelta(days=91)},5.00\n")
    assert measure_again(shop, RUN, NOW) == second
    assert measure_run(shop, RUN, NOW) == first
    with database(shop.database_url) as engine, reading(engine) as session:
        assert (latest(session, 1), latest(session, 1, second=True)) == (first, second)
        assert without_second(session) == []


def test_each_due_reading_is_taken_and_reported_though_another_fails(shop: Settings):
    """The first reading of ``late`` and the second of ``other`` fail; that of spring has a report of its own."""
    a_crowd(shop, 40, {1, 2})
    for name in ("other", "late"):
        write_campaign(shop, CAMPAIGN.replace("id: spring", f"id: {name}"), name)
    for name in ("other", "spring", "late"):
        carry_out(manual(name, DAY), shop, NOW)
    first = {name: measure_run(shop, f"{name}/manual-{DAY}", NOW) for name in ("other", "spring")}
    reports = write_reports(shop, write_outcome(first["spring"]))
    texts = [Path(each).read_text(encoding="utf-8") for each in reports]
    load(shop, "orders", f"customer_id,order_id,ordered_at,amount\n00040,last,{DAY + timedelta(days=121)},5.00\n")

    def fail_of(campaign: str, otherwise: Callable[[str], object]) -> Callable[[str], object]:
        def take(run: str) -> object:
            if run.startswith(campaign):
                raise OSError("no room")
            return otherwise(run)

        return take

    def second(run: str) -> object:
        return write_reports(shop, write_outcome(measure_again(shop, run, NOW)))

    read = read_due(
        shop,
        first=fail_of("late", lambda run: measure_run(shop, run, NOW)),
        second=fail_of("other", second),
    )

    folder = shop.state / "reports" / RUN
    assert [alarm.run for alarm in read.alarms] == [
        f"measuring late/manual-{DAY}",
        f"the second reading of other/manual-{DAY}",
    ]
    assert [str(error) for error in read.errors] == ["no room", "no room"]
    assert sorted(each.name for each in folder.iterdir()) == [
        "report-second.en.html", "report-second.zh.html", "report.en.html", "report.zh.html",
    ]  # fmt: skip
    assert "second reading" in (folder / "report-second.en.html").read_text(encoding="utf-8")
    assert [Path(each).read_text(encoding="utf-8") for each in reports] == texts


def test_there_is_no_second_reading_before_the_first(shop: Settings):
    a_crowd(shop, 10, {1})
    carry_out(manual("spring", DAY), shop, NOW)

    with pytest.raises(WrongUse, match="has not been measured"):
        measure_again(shop, RUN, NOW)
