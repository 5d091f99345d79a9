"""The whole way from the real Hillstrom file (64,000 customers, three arms) to the published table."""

import os
from pathlib import Path

import pytest

from app.lift_command import lift, table
from tests.printed import printed
from winback.lift.lift import Lift
from winback.lift.verdict import Verdict

pytestmark = pytest.mark.data

ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")


@pytest.fixture(scope="module")
def hillstrom() -> Lift:
    return lift(
        Path(os.environ["DATA"]) / "hillstrom" / "hillstrom.parquet",
        arm="segment",
        control="No E-Mail",
        rate=["visit", "conversion"],
        money=["spend"],
        lower_is_better=[],
        planned=dict.fromkeys(ARMS, "1/3"),
        smallest_effect={},
    )


def test_the_arms_and_their_split_are_the_published_ones(hillstrom):
    assert {arm.name: arm.n for arm in hillstrom.arms} == dict(zip(ARMS, (21306, 21307, 21387), strict=True))
    assert (hillstrom.srm.chi2, hillstrom.srm.p) == (printed("0.2025313"), printed("0.9036930"))


# difference; Newcombe; Miettinen-Nurminen; ratio and Katz; pooled p
RATES = [
    ("visit", "Mens E-Mail", 3894, "0.0765896", "0.0699533 0.0832267", "0.069960 0.083234",
     "1.72140 1.64038 1.80643", "5.6852e-112"),
    ("visit", "Womens E-Mail", 3238, "0.045233", "0.038894 0.051574", "0.038898 0.051579",
     "1.42606 1.35617 1.49954", "3.1824e-44"),
    ("conversion", "Mens E-Mail", 267, "0.006805", "0.005014 0.008641", "0.005024 0.008649",
     "2.18842 1.76798 2.70884", "1.5232e-13"),
    ("conversion", "Womens E-Mail", 189, "0.003111", "0.001502 0.004745", "0.001507 0.004751",
     "1.54331 1.23011 1.93627", "1.5711e-4"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "arm", "x", "difference", "newcombe", "mn", "ratio", "p"), RATES)
def test_the_rates_are_the_published_ones(hillstrom, column, arm, x, difference, newcombe, mn, ratio, p):
    contrast = next(each for each in hillstrom.rates if (each.column, each.arm) == (column, arm))

    assert (contrast.x, contrast.difference, contrast.p_pooled) == (x, printed(difference), printed(p))
    assert [contrast.low, contrast.high] == [printed(each) for each in newcombe.split()]
    assert [contrast.mn_low, contrast.mn_high] == [printed(each) for each in mn.split()]
    assert [contrast.ratio, contrast.ratio_low, contrast.ratio_high] == [printed(each) for each in ratio.split()]
    assert contrast.verdict is Verdict.BETTER


def test_the_money_is_the_published_one(hillstrom):
    mens, womens = hillstrom.money

    assert (mens.control_mean, mens.mean, womens.mean) == (
        printed("0.652789"), printed("1.422617"), printed("1.077202"),
    )  # fmt: skip
    assert (mens.control_buyers, mens.buyers, womens.buyers) == (122, 267, 189)
    assert [mens.difference, mens.low, mens.high] == [
        printed("0.769827"), printed("0.485140"), printed("1.054515"),
    ]  # fmt: skip
    assert (mens.df, mens.t, mens.p_welch) == (printed("36671.16"), printed("5.300140"), printed("1.163815e-07"))
    assert [womens.difference, womens.low, womens.high] == [
        printed("0.424412"), printed("0.168957"), printed("0.679868"),
    ]  # fmt: skip
    # The table prints a df of 40,064.885; scipy on this file gives 40,064.8844.
    assert (womens.df, womens.p_welch) == (printed("40064.8844"), printed("0.00112940"))
    assert {mens.verdict, womens.verdict} == {Verdict.BETTER}


def test_the_table_for_people_names_every_contrast(hillstrom):
    said = table(hillstrom)

    assert all(f"{c.column}: {c.arm}" in said for c in (*hillstrom.rates, *hillstrom.money))
