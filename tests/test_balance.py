"""The balance: classes, copies and counts, beside NumPy and plain arithmetic."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import balance_report
from pipelines.balance import Classes, Copies, class_ratios, fine_bins
from pipelines.reference import Event
from schemas.errors import UserError
from schemas.recipe import parse_recipe
from tests.builders import inspected

SOURCE = {"name": "a", "format": "phasenet_npz"}


def recipe_of(**more):
    return parse_recipe({"sources": [SOURCE], **more}, "test")


def event(number, magnitude=math.nan, **more):
    found = inspected(f"e{number}", **more)
    own = replace(found.reference, events=(Event(f"e{number}", magnitude, distance_km=magnitude),))
    return replace(found, reference=own)


def decided(recipe, items):
    """Return what is decided of some windows, counted as the job counts them."""
    classes = Classes.of(recipe, Counter(key for item in items for key in fine_bins(item, recipe)))
    keys = ((i.split, i.reference.kind, classes.name(i)) for i in items)
    return classes, Copies.of(classes, Counter(keys))


def made(recipe, items):
    """Return the copies of windows by class."""
    classes, copies = decided(recipe, items)
    found = Counter()
    for item in items:
        found[classes.name(item)] += copies.of_window(item)
    return found


def kinds(numbers, split="train"):
    """Return so many windows of each kind."""
    return [
        inspected(f"{kind}{n}", kind, split=split)
        for kind, number in numbers.items()
        for n in range(number)
    ]


def rare(counts, **more):
    """Return events with magnitudes 0.5, 1.5, ... as often as the counts say."""
    magnitudes = [n + 0.5 for n, count in enumerate(counts) for _ in range(count)]
    return [event(number, m, **more) for number, m in enumerate(magnitudes)]


BINS = {"by": ["magnitude"], "bins": {"magnitude": [1, 2]}}
NAMES = ("magnitude below 1", "magnitude 1 to 2", "magnitude from 2")


def test_without_a_balance_kinds_have_their_own_copies_in_augmented_splits():
    recipe = recipe_of(copies={"event": 3})
    _, copies = decided(recipe, kinds({"event": 5, "noise": 5}))
    assert {k[1]: n for k, n in copies.numbers.items()} == {"event": 3, "noise": 1}
    assert made(recipe, kinds({"event": 5, "noise": 5}, "test")) == {"": 10}


@given(
    st.integers(200, 600),
    st.integers(200, 600),
    st.floats(0.1, 0.9),
    st.integers(1, 3),
    st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_shares_of_kinds_are_met_and_nothing_is_dropped(events, noise, share, copies, seed):
    shares = {"event": share, "noise": 1 - share}
    recipe = recipe_of(balance=shares, copies={"event": copies}, seed=seed)
    numbers = {"event": events, "noise": noise}
    found = made(recipe, kinds(numbers))
    own = {"event": copies * events, "noise": noise}
    assert all(found[kind] >= own[kind] for kind in own)
    assert any(found[kind] == own[kind] for kind in own)
    for kind in own:
        # Each window rounds by itself: five standard deviations of that.
        spread = 5 * math.sqrt(0.25 * numbers[kind])
        assert abs(found[kind] - shares[kind] * found.total()) <= spread + 1


def test_a_kind_without_a_share_or_windows_stands_aside():
    recipe = recipe_of(balance={"event": 0.5, "noise": 0.25, "hard_negative": 0.25})
    assert class_ratios(recipe, {"event": 10, "noise": 40}) == {"event": 8.0, "noise": 1.0}
    recipe = recipe_of(balance={"event": 0.5, "noise": 0.5}, copies={"hard_negative": 2})
    found = made(recipe, kinds({"event": 1, "noise": 9, "hard_negative": 5}))
    assert found == {"event": 9, "noise": 9, "hard_negative": 10}


SIZES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 10**6), min_size=1)


@given(SIZES, st.sampled_from(["oversample", "undersample", "inverse_frequency"]))
@settings(max_examples=60, deadline=None)
def test_every_method_makes_classes_equal_at_its_own_level(sizes, method):
    recipe = recipe_of(balance={"by": ["station"], "method": method})
    after = {name: sizes[name] * ratio for name, ratio in class_ratios(recipe, sizes).items()}
    values = list(sizes.values())
    level = {"oversample": max, "undersample": min, "inverse_frequency": np.mean}[method](values)
    assert set(after) == set(sizes)
    np.testing.assert_allclose(list(after.values()), level)


@given(SIZES, st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.01, 9), min_size=1))
@settings(max_examples=60, deadline=None)
def test_shares_hold_among_the_classes_that_are_there(sizes, shares):
    rule = {"by": ["station"], "method": "shares", "shares": shares}
    ratios = class_ratios(recipe_of(balance=rule), sizes)
    assert set(ratios) == set(sizes) & set(shares)
    after = {name: ratio * sizes[name] / shares[name] for name, ratio in ratios.items()}
    assert not after or math.isclose(min(after.values()), max(after.values()))
    assert all(ratio >= 1 - 1e-9 for ratio in ratios.values())


@pytest.mark.parametrize(
    "method, expected",
    [("oversample", 60), ("undersample", 10), ("inverse_frequency", 34)],
)
def test_windows_of_rare_magnitudes_are_copied_and_of_common_ones_dropped(method, expected):
    found = made(recipe_of(balance={**BINS, "method": method}), rare([60, 32, 10]))
    assert set(found) == set(NAMES)
    for name in NAMES:
        assert abs(found[name] - expected) <= 12


def test_a_cap_holds_the_copies_back():
    items = rare([60, 30, 1])
    found = made(recipe_of(balance={**BINS, "max_copies": 7}), items)
    assert [found[name] for name in NAMES] == [60, 60, 7]
    assert made(recipe_of(balance={**BINS, "max_copies": None}), items)[NAMES[2]] == 60


def test_other_splits_are_left_alone():
    items = rare([9, 3], split="validation")
    found = made(recipe_of(balance={**BINS, "method": "undersample"}), items)
    assert [found[name] for name in NAMES] == [9, 3, 0]


def test_what_is_dropped_hangs_on_the_seed_and_is_told():
    items = rare([200, 20])
    kept = []
    for seed in (0, 0, 1):
        recipe = recipe_of(balance={**BINS, "method": "undersample"}, seed=seed)
        _, copies = decided(recipe, items)
        kept.append({i.reference.trace for i in items if copies.of_window(i)})
    assert kept[0] == kept[1] != kept[2]
    told = copies.dropped(items[0])
    assert told.stage == "balance" and told.is_base and "keeps 0.1" in told.reason
    assert NAMES[0] in told.reason


@given(st.lists(st.floats(0.01, 900), min_size=5, max_size=60), st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_quantiles_lie_where_numpy_has_them_and_no_order_matters(values, parts):
    rule = {"by": ["distance_km"], "quantiles": {"distance_km": parts}}
    recipe = recipe_of(balance=rule)
    items = [event(n, value) for n, value in enumerate(values)]
    edges = decided(recipe, items)[0].edges()["distance_km"]
    assert edges == decided(recipe, items[::-1])[0].edges()["distance_km"]
    assert len(edges) == parts - 1 and edges == sorted(edges)
    values = np.array(values)
    for k, edge in enumerate(edges):
        # A bin of the grid is about 1 % wide, and all in it go one way.
        near = np.mean(np.abs(values / edge - 1) < 0.02)
        assert abs(np.mean(values < edge) - (k + 1) / parts) <= near + 1 / len(values) + 1e-9


def test_classes_are_named_by_all_that_they_hang_on():
    rule = {"by": ["kind", "station", "magnitude"], "bins": {"magnitude": [1]}}
    classes = Classes.of(recipe_of(balance=rule), {})
    assert classes.name(event(1, 1.0, network="NC", station="MEM")) == (
        "event, NC.MEM, magnitude from 1"
    )
    assert classes.name(event(1)) == "event, no station, no magnitude"
    assert classes.name(inspected("n", "noise", station="S")) == "noise, S"
    assert Classes.of(recipe_of(balance=BINS), {}).name(inspected("n", "noise")) == "no event"
    delay = {"by": ["s_minus_p_s"], "bins": {"s_minus_p_s": [3]}}
    # S is 3 s after P in all that the builder makes.
    assert Classes.of(recipe_of(balance=delay), {}).name(inspected()) == "s_minus_p_s from 3"


def test_the_report_counts_windows_and_copies():
    recipe = recipe_of(balance={**BINS, "max_copies": 7})
    items = rare([60, 30, 1])
    _, copies = decided(recipe, items)
    tallied = Counter()
    for item in items:
        for key, number in balance_report.tally(item, copies):
            tallied[key] += number
    told = balance_report.report(copies, tallied)
    rows = {row["class"]: (row["before"], row["after"]) for row in told["classes"]}
    assert rows == dict(zip(NAMES, ((60, 60), (30, 60), (1, 7))))
    lines = balance_report.table({"balance": told})
    assert len(lines) == 4 and any(line.split()[-2:] == ["1", "7"] for line in lines)


@pytest.mark.parametrize(
    "given, told",
    [
        ({"by": ["colour"]}, "balance.by.0"),
        ({"by": ["kind", "kind"]}, "expected each once"),
        ({"by": ["magnitude"]}, "magnitude: expected it either in bins or in quantiles"),
        ({**BINS, "quantiles": {"magnitude": 2}}, "either in bins or in quantiles"),
        ({"by": ["kind"], "bins": {"depth_km": [1]}}, "got depth_km, which `by` does not name"),
        ({"by": ["magnitude"], "bins": {"magnitude": [2, 1]}}, "expected ascending edges"),
        ({"by": ["kind"], "method": "shares"}, "expected them with method shares"),
        ({"by": ["kind"], "shares": {"event": 1}}, "expected them with method shares"),
        ({"by": ["kind"], "methd": "shares"}, "did you mean 'method'?"),
        ({"event": 0.5, "nois": 0.5}, "did you mean 'noise'?"),
        ({"event": 0.0, "noise": 1.0}, "expected a share above 0"),
    ],
)
def test_a_bad_balance_is_named(given, told):
    with pytest.raises(UserError, match="balance") as error:
        recipe_of(balance=given)
    assert told in str(error.value)


def test_copies_above_the_cap_are_refused():
    with pytest.raises(UserError, match="above balance.max_copies 2"):
        recipe_of(balance={**BINS, "max_copies": 2}, copies={"event": 3})
