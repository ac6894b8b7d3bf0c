import numpy as np
import pytest

from netsnn.evolve.survival import bcm, survival_step, trace


def test_traces_and_plasticity_are_their_sums():
    rng = np.random.default_rng(0)
    spikes = (rng.random((5, 3, 4)) < 0.4).astype(float)
    expected = sum(0.5 ** (4 - s) * spikes[s] for s in range(5)) / 5
    np.testing.assert_allclose(trace(spikes), expected)
    before, after, threshold = rng.random((6, 4)), rng.random((6, 3)), rng.random(3)
    found = bcm(before, after, threshold)
    assert found[1, 2] == pytest.approx(sum(before[b, 1] * after[b, 2] * (after[b, 2] - threshold[2]) for b in range(6)))


def test_survival_stays_before_pruning_begins_and_the_weak_die_first():
    survival = np.full(20, 10.0)
    for epoch in range(5):
        survival, dead = survival_step(survival, np.arange(20.0), epoch=epoch)
        assert not dead.any()
    assert (survival == 10).all()
    died = np.zeros(20, dtype=bool)
    for epoch in range(5, 40):
        survival, dead = survival_step(survival, np.arange(20.0), epoch=epoch)
        assert (dead | ~died).all()
        died |= dead
    assert 0 < died.sum() < 15 and died[:died.sum()].all()
    with pytest.raises(ValueError, match="kind must be conv or linear, got 'x'"):
        survival_step(survival, survival, epoch=9, kind="x")
