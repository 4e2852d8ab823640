"""The fetch budget: how many fetches may begin, no matter what is asked for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth.engine.keys.fetch_budget import FetchBudget

PAUSE = 30.0
# Quarters of a second, which floats add without an error.
steps = st.lists(
    st.tuples(
        st.integers(0, 200).map(lambda n: n / 4), st.sampled_from([None, "a", "b", "c", "d"])
    ),
    max_size=80,
)


def begun(budget, asked):
    """Ask for fetches, each so many seconds after the one before; return the budget and those that began."""
    now, found = 1000.0, []
    for later, sought in asked:
        now += later
        if budget.allows(now, sought=sought):
            budget = budget.after_start(now)
            if sought is not None:
                budget = budget.after_search(sought, now)
            found.append((now, sought))
    return budget, found


@given(asked=steps, burst=st.integers(1, 3))
def test_fault_213_214_no_order_of_events_makes_more_fetches(asked, burst):
    """In any stretch of time at most a burst begins, and one more for each pause that it lasts."""
    _, found = begun(FetchBudget(pause=PAUSE, burst=burst), asked)

    for first, (since, _) in enumerate(found):
        for count, (until, _) in enumerate(found[first:], start=1):
            assert count <= burst + (until - since) / PAUSE


@given(asked=steps)
def test_fault_213_each_name_costs_a_fetch_in_each_pause(asked):
    """Two fetches for one name, and two routine ones, are a pause apart; few names are kept."""
    budget, found = begun(FetchBudget(pause=PAUSE, burst=2), asked)

    for name in (None, "a", "b", "c", "d"):
        times = [at for at, sought in found if sought == name]
        assert all(later - sooner >= PAUSE for sooner, later in pairwise(times))
    assert len(budget._searched) <= 4


@given(asked=steps)
def test_fault_213_a_new_name_waits_for_a_pause_at_most(asked):
    """No matter what was asked for before, some fetch may begin a pause later."""
    budget, found = begun(FetchBudget(pause=PAUSE, burst=2), asked)
    last = found[-1][0] if found else 1000.0

    assert budget.allows(last + PAUSE, sought="new")
    assert budget.allows(last + PAUSE, sought=None)


def test_fault_371_a_fetch_that_was_agreed_on_begins_then_and_no_sooner():
    """Neither an empty bucket nor a name hastens or hinders it."""
    budget = FetchBudget(pause=PAUSE, burst=2).after_start(0.0).after_start(0.0).agreed_on(3.0)

    assert not budget.allows(2.9, sought="a")
    assert budget.allows(3.0, sought=None)
    budget = budget.after_start(3.0)
    assert not budget.allows(32.0, sought="a")
    assert budget.allows(33.0, sought="a")
