"""The limits that an operator may set, and the refusal beyond them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn import problems
from promptcdn.money.budget import limits
from promptcdn.money.budget.limits import BudgetLimit, BudgetLimits, Usage
from promptcdn.money.costs import Cost
from tests.support.fakes import NOON

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)

DAY = BudgetLimit(100, "day")
MONTH = BudgetLimit(500_000, "month", "credits")


@pytest.mark.parametrize(
    ("text", "each"),
    [
        ("100/day", (DAY,)),
        ("0/hour", (BudgetLimit(0, "hour"),)),
        ("1/week", (BudgetLimit(1, "week"),)),
        ("999999999/month", (BudgetLimit(999_999_999, "month"),)),
        ("unlimited", ()),
        ("500 credits/month", (MONTH,)),
        ("0.5 credits/hour", (BudgetLimit(500, "hour", "credits"),)),
        ("12.125 credits/week", (BudgetLimit(12_125, "week", "credits"),)),
        ("100/day, 2000/month", (DAY, BudgetLimit(2000, "month"))),
        ("100/day, 500 credits/month", (DAY, MONTH)),
        ("100/day, 20 credits/day", (DAY, BudgetLimit(20_000, "day", "credits"))),
    ],
)
def test_limits_are_so_much_in_a_period_each(text: str, each: tuple[BudgetLimit, ...]) -> None:
    assert BudgetLimits.parse(text) == BudgetLimits(each)
    assert str(BudgetLimits(each)) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("100/day,5/hour", "100/day, 5/hour"),
        ("007/day", "7/day"),
        ("1 credit/day", "1 credits/day"),
        ("1.50 credits/day", "1.5 credits/day"),
        ("2.000 credits/day", "2 credits/day"),
    ],
)
def test_what_can_be_said_in_two_ways_is_shown_in_one(text: str, plain: str) -> None:
    assert str(BudgetLimits.parse(text)) == plain


@pytest.mark.parametrize(
    "text",
    ["", "100", "/day", "100/", "100/year", "100/Day", "100/days", "-1/day", "+1/day", "1.5/day", "1e3/day", "none"],
)
def test_what_is_no_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="100/day"):
        BudgetLimits.parse(text)


@pytest.mark.parametrize(
    "text", ["100 / day", "100/day ", "100/day\n", "1000000000/day", "١٠/day", "5credits/day", "5 Credits/day"]
)
def test_a_limit_is_spelled_strictly(text: str) -> None:
    with pytest.raises(ValueError, match="100/day"):
        BudgetLimits.parse(text)


@pytest.mark.parametrize("text", ["1.2345 credits/day", ".5 credits/day", "1. credits/day", "credits/day"])
def test_credits_have_three_decimals_at_most(text: str) -> None:
    with pytest.raises(ValueError, match="100/day"):
        BudgetLimits.parse(text)


@pytest.mark.parametrize("text", ["100/day,", ",100/day", "100/day;5/hour", "100/day 5/hour", "100/day, "])
def test_limits_are_parted_by_commas(text: str) -> None:
    with pytest.raises(ValueError, match="100/day"):
        BudgetLimits.parse(text)


@pytest.mark.parametrize("text", ["100/day, unlimited", "unlimited, 100/day", "Unlimited"])
def test_unlimited_stands_alone(text: str) -> None:
    with pytest.raises(ValueError, match="100/day"):
        BudgetLimits.parse(text)


@pytest.mark.parametrize("text", ["100/day, 50/day", "100/day, 100/day", "5 credits/week, 5/week, 6 credits/week"])
def test_a_period_is_limited_once_in_each_currency(text: str) -> None:
    with pytest.raises(ValueError, match="two limits for one period"):
        BudgetLimits.parse(text)


UNITS, GENERATORS = st.sampled_from(["hour", "day", "week", "month"]), st.sampled_from(["", "sketch", "a1111"])
LIMIT = st.builds(BudgetLimit, st.integers(0, 999_999_999), UNITS, st.just("pictures"), GENERATORS) | st.builds(
    BudgetLimit, st.integers(0, 999_999_999_999), UNITS, st.just("credits"), GENERATORS
)


@given(st.lists(LIMIT, unique_by=lambda limit: (limit.unit, limit.currency, limit.generator)))
def test_what_is_shown_can_be_said(each: list[BudgetLimit]) -> None:
    assert BudgetLimits.parse(str(BudgetLimits(tuple(each)))) == BudgetLimits(tuple(each))


@pytest.mark.parametrize(
    ("text", "otherwise", "read"),
    [
        ("100/day, a1111=20/day", "unlimited", "100/day, a1111=20/day"),
        ("a1111=20/day", "100/day", "100/day, a1111=20/day"),
        ("a1111=20/day", "unlimited", "a1111=20/day"),
        ("unlimited, a1111=20/day", "100/day", "a1111=20/day"),
        ("a1111=20/day, unlimited", "100/day", "a1111=20/day"),
        ("a1111=1.5 credits/month, a1111=2/day, 5/day", "9/day", "a1111=1.5 credits/month, a1111=2/day, 5/day"),
        ("unlimited", "100/day", "unlimited"),
    ],
)
def test_a_limit_of_one_generator_stands_beside_those_of_all(text: str, otherwise: str, read: str) -> None:
    assert str(BudgetLimits.parse(text, otherwise)) == read


@pytest.mark.parametrize(
    "text", ["=5/day", "a1111=unlimited", "a1111=", "A=5/day", "a1111=5", "a=5/day, unlimited, 1/day"]
)
def test_a_wrong_limit_of_a_generator_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="100/day"):
        BudgetLimits.parse(text)


def test_one_generators_limit_counts_its_own_engines() -> None:
    """What older versions counted has no generator: the limits of all count it."""
    costs = Cost("a1111/x", 2, 200), Cost("a1111-b/x", 1, 10), Cost("x", 5, 5), Cost("", 7, 0)
    own, of_all = BudgetLimits.parse("a1111=9/day, 99 credits/day").each

    assert (own.of(*costs), of_all.of(*costs)) == (2, 215)


@pytest.mark.parametrize(
    ("limit", "used", "cost", "allowed"),
    [
        (DAY, 99, Cost("e", 1, 0), True),
        (DAY, 100, Cost("e", 1, 0), False),
        (DAY, 101, Cost("e", 1, 0), False),
        (MONTH, 499_100, Cost("e", 1, 900), True),
        (MONTH, 499_101, Cost("e", 1, 900), False),
        (MONTH, 500_000, Cost("e", 1, 0), True),
        (MONTH, 700_000, Cost("e", 1, 0), True),
    ],
)
def test_what_fits_is_allowed_and_what_is_free_always(limit: BudgetLimit, used: int, cost: Cost, allowed: bool) -> None:
    assert Usage(limit, used, DECEMBER).allows(cost) is allowed


def test_what_is_left_is_never_less_than_nothing() -> None:
    assert Usage(DAY, 130, MIDNIGHT).left == 0


def test_what_is_left_is_said_in_the_limits_own_words() -> None:
    assert limits.summary([Usage(DAY, 3, MIDNIGHT), Usage(MONTH, 2_700, DECEMBER)]) == (
        "97 of 100/day left, 497.3 of 500 credits/month left"
    )
    assert limits.summary([]) == "unlimited"


def test_what_is_left_goes_into_json_as_people_count() -> None:
    assert Usage(DAY, 3, MIDNIGHT).values() == {
        "limit": "100/day",
        "currency": "pictures",
        "period": "day",
        "amount": 100,
        "used": 3,
        "left": 97,
        "until": "2026-11-24T00:00:00+00:00",
    }
    credits_ = Usage(MONTH, 2_700, DECEMBER).values()
    assert (credits_["amount"], credits_["used"], credits_["left"]) == (500.0, 2.7, 497.3)


def test_a_refusal_names_what_is_spent_and_when_it_is_possible() -> None:
    """`Retry-After` is the end of the last period that is spent."""
    spent = [Usage(DAY, 100, MIDNIGHT), Usage(MONTH, 499_500, DECEMBER)]

    problem = limits.refusal(spent, Cost("e", 1, 900), NOON)

    assert problem.kind is problems.BUDGET_SPENT
    assert problem.retry_after == (DECEMBER - NOON).total_seconds() + 1
    assert problem.detail == (
        "the budget is spent: 100/day (0 left, 1 needed), 500 credits/month (0.5 left, 0.9 needed);"
        " new pictures are possible from 2026-12-01 00:00 UTC"
    )
