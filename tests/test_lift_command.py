"""`winback lift` on files: the same numbers from CSV, gzip and Parquet, and a clear word for every wrong cell."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from app.lift_command import lift, table
from tests.printed import printed
from tests.test_lift import CONVERSIONS, SIZES, VISITS
from winback.errors import ImportProblem, WrongUse
from winback.lift.lift import Lift
from winback.lift.verdict import Verdict

SMALL = "arm,visit,spend\nA,1,10\nA,0,0\nB,1,3.50\nB,1,0\n"


def run(file: Path, **options) -> Lift:
    usual = {
        "arm": "arm", "control": "A", "rate": ["visit"], "money": [], "lower_is_better": [],
        "planned": {}, "smallest_effect": {},
    }  # fmt: skip
    return lift(file, **usual | options)


def a_csv(folder: Path, text: str, name: str = "test.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8", newline="")
    return file


def a_parquet(folder: Path, **columns) -> Path:
    file = folder / "test.parquet"
    pl.DataFrame(columns).write_parquet(file)
    return file


# --- numbers


@pytest.fixture(scope="module")
def hillstrom_shaped(tmp_path_factory) -> Path:
    """64,000 rows with Hillstrom's counts; every converted customer also visited."""
    frames = [
        pl.select(pl.int_range(n).alias("i")).select(
            pl.lit(arm).alias("segment"),
            (pl.col("i") < VISITS[arm]).cast(pl.Int8).alias("visit"),
            (pl.col("i") < CONVERSIONS[arm]).cast(pl.Int8).alias("conversion"),
        )
        for arm, n in SIZES.items()
    ]
    file = tmp_path_factory.mktemp("hillstrom") / "segments.csv"
    pl.concat(frames).sample(fraction=1, shuffle=True, seed=7).write_csv(file)
    return file


def test_a_file_shaped_like_hillstrom_gives_the_published_rates(hillstrom_shaped):
    result = run(
        hillstrom_shaped, arm="segment", control="No", rate=["visit", "conversion"],
        planned={"No": "1/3", "Mens": "1/3", "Womens": "1/3"},
    )  # fmt: skip

    assert [arm.name for arm in result.arms] == ["Mens", "No", "Womens"]
    assert (result.srm.chi2, result.srm.p) == (printed("0.2025313"), printed("0.9036930"))
    mens, womens, mens_conversion, womens_conversion = result.rates
    assert (mens.difference, mens.low, mens.high) == (
        printed("0.0765896"), printed("0.0699533"), printed("0.0832267"),
    )  # fmt: skip
    assert (womens.low, womens.high) == (printed("0.038894"), printed("0.051574"))
    assert (mens_conversion.low, mens_conversion.high) == (printed("0.005014"), printed("0.008641"))
    assert (womens_conversion.p_pooled, womens_conversion.verdict) == (printed("1.5711e-4"), Verdict.BETTER)


def test_csv_gzip_and_parquet_with_text_or_numbers_give_the_same(tmp_path):
    plain = a_csv(tmp_path, SMALL)
    zipped = tmp_path / "test.csv.gz"
    zipped.write_bytes(gzip.compress(SMALL.encode()))
    typed = a_parquet(
        tmp_path, arm=["A", "A", "B", "B"], visit=[True, False, True, True], spend=[10.0, 0.0, 3.5, 0.0]
    )

    results = [run(file, money=["spend"]).as_dict() for file in (plain, zipped, typed)]

    assert results[0] == results[1] == results[2]
    assert (results[0]["rates"][0]["x"], results[0]["rates"][0]["control_x"]) == (2, 1)
    assert (results[0]["money"][0]["mean"], results[0]["money"][0]["buyers"]) == (1.75, 1)


@pytest.mark.parametrize("one", ["1", " 1 ", "1.0", "+1", "1e0", "true", "TRUE", '" 1.0 "'])
@pytest.mark.parametrize("zero", ["0", "0.0", "False"])
def test_a_number_given_as_text_is_read_as_a_number(tmp_path, one, zero):
    file = a_csv(tmp_path, f"arm,visit\nA,{zero}\nA,{one}\nB,{one}\nB,{one}\n")

    contrast = run(file).rates[0]

    assert (contrast.control_x, contrast.x) == (1, 2)


def test_money_is_added_exactly(tmp_path):
    """Ten times 0.1 is 1, whatever floats make of it; an arm without any spread has no variance at all."""
    file = a_csv(tmp_path, "arm,spend\n" + "A,0.1\n" * 10 + "B,0.3\n" * 10)

    contrast = run(file, rate=[], money=["spend"]).money[0]

    assert (contrast.control_mean, contrast.mean, contrast.difference) == (0.1, 0.3, 0.2)
    assert (contrast.t, contrast.df, contrast.low, contrast.p_welch) == (None, None, None, None)


def test_money_keeps_its_digits(tmp_path):
    """10.04 is a little less than 10.04 in floats; (0.1234567 + 0.2345678) / 2 is 0.17901225."""
    cents = a_csv(tmp_path, "arm,spend\n" + "A,10.04\nB,10.04\n" * 9, name="cents.csv")
    score = a_csv(tmp_path, "arm,spend\nA,0.1234567\nA,0.2345678\nB,0\nB,0\n", name="score.csv")

    means = [run(file, rate=[], money=["spend"]).money[0].control_mean for file in (cents, score)]

    assert means == [10.04, 0.17901225]


def test_money_may_be_tiny_huge_or_negative_and_a_refund_is_no_buyer(tmp_path):
    file = a_csv(tmp_path, "arm,spend\nA,1e-9\nA,-25.5\nB,123456789012.75\nB,2e3\n")

    contrast = run(file, rate=[], money=["spend"]).money[0]

    assert (contrast.control_buyers, contrast.buyers) == (1, 2)
    assert contrast.control_mean == pytest.approx(-12.75, abs=1e-3)
    assert contrast.mean == pytest.approx((123456789012.75 + 2000) / 2, rel=1e-14)


def test_names_that_look_like_patterns_or_sql_are_names(tmp_path):
    file = a_csv(tmp_path, 'row,^v.*$,"a""b; drop"\nA,1,2\nB,0,3\n', name="g[1]*.csv")

    result = run(file, arm="row", rate=["^v.*$"], money=['a"b; drop'])

    assert [contrast.column for contrast in (*result.rates, *result.money)] == ["^v.*$", 'a"b; drop']


def test_a_column_may_be_the_arm_and_be_compared(tmp_path):
    file = a_parquet(tmp_path, sent=[0, 0, 1, 1])

    assert run(file, arm="sent", control="0", rate=["sent"]).rates[0].difference == 1


def test_lines_with_nothing_in_them_and_a_byte_order_mark_are_no_rows(tmp_path):
    file = a_csv(tmp_path, "\ufeffarm,visit\r\nA,1\r\n\r\nB,0\r\n,\r\n\r\n")

    assert {arm.name: arm.n for arm in run(file).arms} == {"A": 1, "B": 1}


def test_arms_are_told_apart_without_the_spaces_around_them(tmp_path):
    file = a_csv(tmp_path, "arm,visit\n A,1\nA ,0\nB,0\n")

    assert {arm.name: arm.n for arm in run(file).arms} == {"A": 2, "B": 1}


def test_without_columns_to_compare_there_is_still_the_split(tmp_path):
    result = run(a_csv(tmp_path, SMALL), rate=[], planned={"A": "0.5", "B": ".5"})

    assert (result.rates, result.money, result.srm.chi2) == ((), (), 0)


def test_a_planned_arm_without_rows_is_an_empty_arm(tmp_path):
    result = run(a_csv(tmp_path, SMALL), planned={"A": "1/4", "B": "1/4", "C": "1/2"})

    missing = result.rates[1]
    assert (missing.arm, missing.n, missing.rate, missing.difference) == ("C", 0, None, None)
    assert missing.verdict is Verdict.NOT_ENOUGH_DATA


def test_a_file_with_only_zeros_has_no_ratio_and_no_verdict(tmp_path):
    result = run(a_csv(tmp_path, "arm,visit,spend\n" + "A,0,0\n" * 9 + "B,0,0\n" * 9), money=["spend"])

    rate, money = result.rates[0], result.money[0]
    assert (rate.difference, rate.ratio, rate.p_pooled, rate.verdict) == (0, None, None, Verdict.NOT_ENOUGH_DATA)
    assert (money.difference, money.t, money.verdict) == (0, None, Verdict.NOT_ENOUGH_DATA)


def test_lower_is_better_turns_the_verdict(tmp_path):
    file = a_csv(tmp_path, "arm,visit\n" + ("A,1\nA,0\n" * 50) + ("B,1\n" * 80) + ("B,0\n" * 20))

    assert run(file).rates[0].verdict is Verdict.BETTER
    assert run(file, lower_is_better=["visit"]).rates[0].verdict is Verdict.WORSE


@pytest.mark.parametrize("points", ["3", "3pp", " 3.0 pp"])
def test_the_smallest_effect_of_a_rate_is_in_percentage_points(tmp_path, points):
    """The planning table: 20 % against 17 % with a 20 % hold-out needs 8,515 customers."""
    file = a_csv(tmp_path, "arm,churned\n" + "A,1\nA,0\nA,0\nA,0\nA,0\n" * 20 + "B,1\nB,0\nB,0\nB,0\nB,0\n" * 80)

    result = run(file, rate=["churned"], lower_is_better=["churned"], smallest_effect={"churned": points})

    assert result.rates[0].needed_n == 8_515


def test_the_smallest_effect_of_money_is_an_amount(tmp_path):
    file = a_csv(tmp_path, "arm,spend\n" + "A,10\nA,20\n" * 500 + "B,10\nB,20\n" * 500)

    contrast = run(file, rate=[], money=["spend"], smallest_effect={"spend": "1.5"}).money[0]

    assert contrast.verdict is Verdict.NO_EFFECT_WORTH_HAVING


# --- wrong cells


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("B,yes,1", "visit", "'yes' is not 0 or 1"),
        ("B,2,1", "visit", "'2' is not 0 or 1"),
        ("B,0.5,1", "visit", "'0.5' is not 0 or 1"),
        ("B,,1", "visit", "the cell is empty"),
        ("B,  ,1", "visit", "the cell is empty"),
        (",1,1", "arm", "the cell is empty"),
        ("B,1,", "spend", "the cell is empty"),
        ("B,1", "spend", "the cell is empty"),
        ('B,1,"1,000"', "spend", "'1,000' is not a number"),
        ("B,1,$5", "spend", "'$5' is not a number"),
        ("B,1,nan", "spend", "'nan' is not a number"),
        ("B,1,inf", "spend", "'inf' is not a number"),
        ("B,1,1e999", "spend", "'1e999' is not a number"),
        ("B,1,1e300", "spend", "'1e300' is not a number of at most 1e+60"),
        ("B,1,true", "spend", "'true' is not a number"),
        ("B,1,1_000", "spend", "'1_000' is not a number"),
        ("B,maybe,", "visit", "'maybe' is not 0 or 1"),  # the first of two wrong cells
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(tmp_path, row, column, problem):
    """The header is row 1; the blank row 3 counts, as in a spreadsheet, and row 5 is wrong too but later."""
    file = a_csv(tmp_path, f"arm,visit,spend\nA,1,1\n\n{row}\nB,wrong,wrong\n")

    with pytest.raises(ImportProblem) as caught:
        run(file, money=["spend"])

    assert (caught.value.line, caught.value.field) == (4, column)
    assert caught.value.problem.startswith(problem)
    assert str(caught.value).startswith(f"{file}:4: {column}: {problem}")


@pytest.mark.parametrize(
    ("columns", "row", "problem"),
    [
        ({"arm": ["A", "B", None], "visit": [1, 0, 1]}, 3, "the cell is empty"),
        ({"arm": ["A", "B", "B"], "visit": [1.0, None, 1.0]}, 2, "the cell is empty"),
        ({"arm": ["A", "B", "B"], "visit": [1.0, float("nan"), 1.0]}, 2, "'NaN' is not 0 or 1"),
        ({"arm": ["A", "B", None], "visit": [1, 0, None]}, 3, "the cell is empty"),
    ],
)
def test_a_wrong_cell_of_parquet_is_named_by_its_row_from_1(tmp_path, columns, row, problem):
    with pytest.raises(ImportProblem) as caught:
        run(a_parquet(tmp_path, **columns))

    assert caught.value.line == row
    assert caught.value.problem.startswith(problem)


def test_a_row_longer_than_the_header_is_named(tmp_path):
    with pytest.raises(ImportProblem, match="test.csv:3: 3 cells under a header of 2"):
        run(a_csv(tmp_path, "arm,visit\nA,1\nB,0,1\n"))


# --- wrong files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not even a header"),
        (b"arm,visit\n", "a header but no rows"),
        (b"arm,visit,visit\nA,1,0\n", "test.csv:1: visit: two columns have this name"),
        ("arm,visit\nA,1\n".encode("utf-16"), "is not UTF-8"),
        ("arm,visit\n对照组,1\n".encode("gb18030"), "is not UTF-8"),
        (b"arm,visit\n" + b"A,1\n" * 100_000 + "对照组,1\n".encode("gb18030"), "is not UTF-8"),
        (b'arm,visit\n"A,1\n', "could not parse"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused_in_one_sentence(tmp_path, content, said):
    file = tmp_path / "test.csv"
    file.write_bytes(content)

    with pytest.raises(ImportProblem, match=said) as caught:
        run(file)

    assert "\n" not in str(caught.value)


def test_a_cut_gzip_a_fake_parquet_and_a_missing_file_are_refused(tmp_path):
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(SMALL.encode() * 5000)[:-20])
    fake = tmp_path / "fake.parquet"
    fake.write_bytes(b"arm,visit\n")

    for file in (cut, fake, tmp_path / "absent.csv", tmp_path):
        with pytest.raises(ImportProblem):
            run(file)


def test_a_file_of_another_kind_is_refused_with_what_is_allowed(tmp_path):
    with pytest.raises(ImportProblem, match=r"allowed: .csv, .csv.gz, .parquet"):
        run(a_csv(tmp_path, SMALL, name="test.xlsx"))


def test_a_parquet_column_of_lists_is_refused(tmp_path):
    with pytest.raises(ImportProblem, match="visit: holds List"):
        run(a_parquet(tmp_path, arm=["A", "B"], visit=[[1], [0]]))


# --- wrong words


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arm": "amr"}, "no column 'amr'; did you mean 'arm'?"),
        ({"rate": ["visits"]}, "no column 'visits'; did you mean 'visit'?"),
        ({"money": ["zzz"]}, "no column 'zzz'; there are: arm, visit, spend"),
        ({"control": "a group"}, "no row has the control arm 'a group'; there are: A, B"),
        ({"rate": ["visit"], "money": ["visit"]}, "'visit' is asked for as a rate and as money"),
        ({"lower_is_better": ["vist"]}, "--lower-is-better: 'vist' .* did you mean 'visit'?"),
        ({"smallest_effect": {"spend": "1"}}, "--smallest-effect: 'spend' is neither"),
        ({"smallest_effect": {"visit": "small"}}, "'small' is not a number"),
        ({"smallest_effect": {"visit": "0"}}, "more than 0 and at most 100 points, not 0"),
        ({"smallest_effect": {"visit": "101"}}, "at most 100 points"),
        ({"planned": {"A": "half", "B": "0.5"}}, "--planned A: 'half' is not a number or a fraction"),
        ({"planned": {"A": "1/0", "B": "0.5"}}, "--planned A"),
        ({"planned": {"A": "0.5", "B": "0.4"}}, "add up to 1, not 0.5 \\+ 0.4"),
        ({"planned": {"A": "0.333333332", "B": "2/3"}}, "add up to 1"),
        ({"planned": {"A": "1.2", "B": "-0.2"}}, "must be positive"),
        ({"planned": {"A": "1"}}, "no share for the arm 'B'"),
    ],
)
def test_words_that_do_not_fit_are_refused_with_the_nearest(tmp_path, options, said):
    with pytest.raises(WrongUse, match=said):
        run(a_csv(tmp_path, SMALL), **options)


def test_shares_written_with_nine_digits_are_near_enough_to_1(tmp_path):
    planned = dict.fromkeys(("A", "B", "C"), "0.333333333")

    assert run(a_csv(tmp_path, SMALL), planned=planned).srm is not None


def test_a_column_of_ids_is_no_arm(tmp_path):
    file = a_parquet(tmp_path, arm=[f"customer {i}" for i in range(101)], visit=[0] * 101)

    with pytest.raises(WrongUse, match="'arm' has 101 different values"):
        run(file, control="customer 1")


# --- for people


def test_the_table_shows_a_dash_for_what_is_undefined(tmp_path):
    said = table(
        run(a_csv(tmp_path, "arm,visit,spend\nA,0,1\nB,1,2\n"), money=["spend"], planned={"A": "1/2", "B": "1/2"})
    )

    assert "A            1  planned 50.0%  control" in said
    assert "ratio       – (– to –)" in said
    assert "not_enough_data: an arm has fewer than 2 customers" in said
    assert "None" not in said


def test_the_table_shows_rates_and_points(tmp_path):
    """288/1600 v 92/400."""
    rows = "A,1\n" * 92 + "A,0\n" * 308 + "B,1\n" * 288 + "B,0\n" * 1312

    said = table(run(a_csv(tmp_path, "arm,visit\n" + rows), lower_is_better=["visit"]))

    assert "rate        18.00% (16.19% to 19.96%), 288 of 1,600" in said
    assert "difference  -5.00 (-9.73 to -0.68) points" in said
    assert "ratio       0.783 (0.636 to 0.963)" in said
    assert "better: the interval excludes 0" in said


def test_the_largest_amounts_that_are_taken_are_still_compared(tmp_path):
    """1e60 and 0 against 5e59 and 0: half of the one less half of the other."""
    file = a_csv(tmp_path, "arm,spend\nB,1e60\nB,0\nA,5e59\nA,0\n")

    [contrast] = run(file, rate=[], money=["spend"]).money

    assert contrast.difference == pytest.approx(2.5e59)
    assert contrast.low < 0 < contrast.high


def test_a_file_of_the_control_alone_has_nothing_to_compare(tmp_path):
    with pytest.raises(WrongUse, match="every row is of the control arm 'A'"):
        run(a_csv(tmp_path, "arm,visit\nA,1\nA,0\n"), planned={"A": "1"})


def test_without_a_column_to_compare_it_is_said_what_is_missing(tmp_path):
    with pytest.raises(WrongUse, match="name a --rate or --money column"):
        run(a_csv(tmp_path, SMALL), rate=[])
