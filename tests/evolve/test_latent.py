import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netsnn as ns
from netsnn.evolve.latent import deep_r_start, deep_r_step, grad_r_start, grad_r_step, soft_threshold, stds_threshold


def test_gradient_rewiring_without_a_prior_is_adam_where_weights_live():
    """Against torch's Adam on w itself, as long as no weight comes to 0."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    w = rng.uniform(0.5, 1, 50) * rng.choice([-1, 1], 50)
    state, free = grad_r_start(w), torch.tensor(w, requires_grad=True)
    adam = torch.optim.Adam([free], lr=1e-2)
    for _ in range(20):
        gradient = rng.standard_normal(50)
        state = grad_r_step(state, gradient, lr=1e-2, alpha=0)
        free.grad = torch.tensor(gradient)
        adam.step()
    np.testing.assert_allclose(state.weights, free.detach().numpy(), rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_gradient_rewiring_never_turns_a_sign_and_lets_dormant_links_return(seed):
    rng = np.random.default_rng(seed)
    state = grad_r_start(np.concatenate([rng.standard_normal(30), np.zeros(5)]), seed)
    sign, returned = state.sign, False
    assert set(np.abs(sign)) == {1.0}
    for _ in range(60):
        was = state.theta <= 0
        state = grad_r_step(state, rng.standard_normal(35) + 0.5 * np.sin(np.arange(35)), lr=0.05, alpha=0.05)
        returned |= bool((was & (state.theta > 0)).any())
        assert (state.sign == sign).all() and (state.weights * sign >= 0).all() and ((state.weights == 0) == (state.theta <= 0)).all()
    assert returned


def test_the_prior_of_gradient_rewiring_draws_towards_its_centre():
    """Without a gradient theta moves by alpha lr' towards mu = ln(2 (1 - target)) / alpha, the same for living and dormant links."""
    state = grad_r_start(np.array([0.5, -0.2]))
    after = grad_r_step(state, np.zeros(2), lr=0.1, alpha=1.0, target=0.9)
    np.testing.assert_allclose(after.theta, state.theta - 0.1 / (1 - 0.9) * 1.0)
    mass = 0.5 * np.exp(1.0 * np.log(2 * (1 - 0.9)) / 1.0)  # of the Laplace law above 0
    assert mass == pytest.approx(1 - 0.9)
    with pytest.raises(ValueError, match=r"target sparsity must lie in \[0.5, 1\), got 0.3"):
        grad_r_step(state, np.zeros(2), target=0.3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_deep_rewiring_keeps_exactly_as_many_links(seed, density):
    rng = np.random.default_rng(seed)
    layer = ns.wiring.erdos_renyi(12, 15, density=density, seed=seed)
    state = deep_r_start(layer, rng.standard_normal(layer.n_links), seed)
    sign = state.sign
    for step in range(20):
        state = deep_r_step(state, rng.standard_normal((12, 15)), lr=0.3, l1=1e-3, temperature=0.01, seed=step)
        assert state.active.sum() == layer.n_links and (state.theta[state.active] > 0).all() and (state.sign == sign).all()
        assert (state.weights[~state.active] == 0).all() and (state.weights * sign >= 0).all()


def test_deep_rewiring_by_hand():
    layer = ns.Layer.from_edges([0, 0, 1], [0, 1, 1], shape=(2, 3))
    state = deep_r_start(layer, [0.5, -0.5, 0.05])
    gradient = np.zeros((2, 3))
    gradient[0, 0], gradient[0, 1], gradient[1, 1] = 1.0, 1.0, 1.0
    after = deep_r_step(state, gradient, lr=0.1, l1=0.0, seed=0)
    assert after.weights[0, 0] == pytest.approx(0.4) and after.weights[0, 1] == pytest.approx(-0.6)
    assert not after.active[1, 1]  # 0.05 - 0.1 crosses 0: gone
    new = after.active & ~state.active
    assert new.sum() == 1 and after.theta[new] == 1e-12
    unmoved = deep_r_step(state, np.zeros((2, 3)), l1=0.0)
    assert (unmoved.active == state.active).all() and (unmoved.weights == state.weights).all()


def test_soft_thresholds_rise_from_nothing_and_shift_what_they_leave():
    theta = np.random.default_rng(0).standard_normal(200)
    for progress in (0.0, 0.3, 1.0):
        d = stds_threshold(progress, 1.2)
        w = soft_threshold(theta, d)
        assert ((w == 0) == (np.abs(theta) <= d)).all() and np.abs(w)[w != 0] == pytest.approx(np.abs(theta)[w != 0] - d) and (w * theta >= 0).all()
    values = [stds_threshold(t, 3, s) for s in ("sine", "linear") for t in np.linspace(0, 1, 30)]
    assert values[0] == values[30] == 0 and values[29] == values[59] == 3 and all(a <= b for a, b in zip(values[:29], values[1:30]))
    assert (soft_threshold(theta, 0.0) == theta).all()
    with pytest.raises(ValueError, match="schedule must be sine or linear, got 'step'"):
        stds_threshold(0.5, 1, "step")
