import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsnn.evolve.rules import SDSNN
from netsnn.evolve.spines import (
    pruning_rate,
    regrowth_percentile,
    spine_activity,
    spines_clamp,
    spines_epoch,
    spines_live,
    spines_prune,
    spines_regrow,
    spines_start,
    spines_update,
)


def test_the_published_program_prunes_its_first_linear_layer_as_counted():
    """512 neurons, no regrowth: 10, 138, 185, 192 pruned at epochs 37, 38, 40, 45 (methods: 2.3)."""
    rng, rule, state, pruned = np.random.default_rng(0), SDSNN(regrow=False), None, {}
    weights = rng.standard_normal((60, 512))
    for epoch in range(601):
        state, weights, new = spines_epoch(state, weights, np.zeros((60, 512)), epoch, rule)
        assert epoch > 36 or (state.mask.all() and not len(new))
        pruned[epoch] = int(state.pruned.sum())
        assert not weights[:, state.pruned].any()
    assert [pruned[e] for e in (37, 38, 40, 45)] == [10, 138, 185, 192] and pruned[600] == 233
    assert all(a <= b for a, b in zip(list(pruned.values()), list(pruned.values())[1:]))


def test_an_epoch_holds_weights_within_their_bounds_only_after_patience():
    rule, rng = SDSNN(patience=2), np.random.default_rng(0)
    w = rng.standard_normal((60, 8))
    state, same, _ = spines_epoch(None, w, w * 0, 0, rule)
    assert (same == w).all() and state.upper.max() == w.max() and state.lower.min() == w.min()
    for epoch in range(1, 5):
        larger = w * (2 if epoch % 2 else 0.9)  # outside every other epoch: no bound ever moves
        state, held, _ = spines_epoch(state, larger, w * 0, epoch, rule)
        assert (held == (larger if epoch <= 2 else np.clip(larger, w.min(), w.max()))).all() and state.upper.max() == w.max()


def test_kernels_of_a_convolution_return_together():
    from dataclasses import replace

    state, _ = spines_prune(replace(spines_start(np.ones((6 * 9, 10))), rate=50.0))
    pull = np.zeros((6 * 9, 10))
    gone = np.flatnonzero(state.pruned)[0]
    pull[9:18, gone] = np.array([5, -1, 0, 0, 0, 0, 0, 0, 0])  # of kernel 1
    pull[0:9, gone] = np.array([5, -5, 0, 0, 0, 0, 0, 0, 0])  # sums to nothing
    state = spines_regrow(state, pull, 0, patience=0, first=95.0, kernel=9)  # the first time only opens the count
    back = spines_regrow(state, pull, 0, patience=0, first=95.0, kernel=9)
    assert back.mask[:, gone].tolist() == [False] * 9 + [True] * 9 + [False] * 36 and back.mask.sum() == state.mask.sum() + 9
    assert spines_live(state.mask, "conv") == 5 and spines_live(state.mask) == 5 and spines_live(back.mask, "conv") == 5


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_bounds_change_at_counter_events_only_and_hold_zero(seed):
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((6, 8))
    state = spines_start(w)
    for _ in range(40):
        w = w + 0.3 * rng.standard_normal(w.shape)
        after = spines_update(state, w, patience=4)
        moved = (after.upper != state.upper) | (after.lower != state.lower)
        event = ((state.n_upper == 3) & (w >= state.upper)) | ((state.n_lower == 3) & (w <= state.lower)) | (state.n_inside == 3)  # 4 after one that opens
        assert not (moved & ~event).any() and (after.lower <= 0).all() and (after.upper >= 0).all()
        state = after
    clamped = spines_clamp(state, w)
    assert (clamped <= state.upper).all() and (clamped >= state.lower).all()


def test_bounds_widen_by_the_mean_excess_and_narrow_by_three_quarters():
    state = spines_start(np.array([[1.0, 0.5]]))
    for _ in range(4):
        state = spines_update(state, np.array([[1.6, 0.4]]), patience=3)
    assert state.upper[0, 0] == pytest.approx(1.6) and state.n_upper[0, 0] == 0  # three times 0.6 above 1, over 3, after one that opens the count
    state = spines_start(np.array([[1.0, 0.5]]))
    for value in (0.45, 0.4, 0.3, 0.2):
        state = spines_update(state, np.array([[0.0, value]]), patience=3)
    assert state.upper[0, 1] == pytest.approx(0.75) and state.lower[0, 1] == 0


def test_pruning_takes_the_weakest_neurons_whole_and_counts_exactly():
    rng = np.random.default_rng(0)
    state = spines_start(rng.standard_normal((10, 40)), rate=25.0)
    from dataclasses import replace

    state = replace(state, upper=rng.random((10, 40)))
    activity = spine_activity(state)
    after, new = spines_prune(state)
    assert set(new.tolist()) == set(np.argsort(activity)[:10].tolist()) and after.pruned.sum() == 10
    assert not after.mask[:, new].any() and after.mask[:, np.setdiff1d(np.arange(40), new)].all()
    again, more = spines_prune(after)
    assert not len(more) and (again.mask == after.mask).all()  # the count is of all ever pruned
    assert (spines_clamp(after, rng.standard_normal((10, 40)))[:, new] == 0).all()


def test_nothing_returns_before_its_patience_and_pull_is_over():
    from dataclasses import replace

    state, _ = spines_prune(replace(spines_start(np.ones((4, 10))), rate=50.0))
    pull = np.zeros((4, 10))
    gone = np.flatnonzero(state.pruned)[0]
    pull[2, gone] = -5.0  # size counts, not sign
    for t in range(7):
        state = spines_regrow(state, pull, t, patience=5)
        assert state.mask[2, gone] == (t >= 6)
    assert state.pruned[gone] and state.mask[:, gone].sum() == 1  # half-way back: it does not count as living yet, and is not pruned at once
    signed = spines_regrow(state, pull, 0, patience=0, faithful=True)
    assert (signed.mask == state.mask).all()


def test_ever_fewer_links_may_return():
    values = [regrowth_percentile(t) for t in range(120)]
    assert all(a <= b for a, b in zip(values, values[1:])) and values[-1] == 99 and values[37] < 99 <= values[39]


def test_rates_grow_ever_slower():
    for kind in ("conv", "linear"):
        rate, steps = 1.0, []
        for t in range(20):
            new = pruning_rate(rate, t, live=100, after=50, kind=kind)
            steps.append(new - rate)
            rate = new
        assert all(a > b > 0 for a, b in zip(steps, steps[1:]))
    with pytest.raises(ValueError, match="kind must be conv or linear, got 'pool'"):
        pruning_rate(1.0, 0, live=1, after=1, kind="pool")
