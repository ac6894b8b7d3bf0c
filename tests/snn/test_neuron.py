import io
import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from netsnn.snn import LIF, SURROGATES, lif, neuron

torch.set_num_threads(1)

# the smooth steps whose derivatives the surrogates are
STEP = {"atan": lambda y, a: torch.atan(torch.pi / 2 * a * y) / torch.pi + 0.5, "sigmoid": lambda y, a: torch.sigmoid(a * y),
        "triangular": lambda y, a: torch.where(y.abs() < 1 / a, a * y - torch.sign(y) * (a * y) ** 2 / 2, 0 * y)}


class Fire(torch.autograd.Function):
    """A step forwards, a smooth step backwards."""

    @staticmethod
    def forward(ctx, y, surrogate, alpha):
        ctx.save_for_backward(y)
        ctx.step = lambda y: STEP[surrogate](y, alpha)
        return (y >= 0).to(y.dtype)

    @staticmethod
    def backward(ctx, grad):
        with torch.enable_grad():
            y = ctx.saved_tensors[0].detach().requires_grad_()
            return torch.autograd.grad(ctx.step(y).sum(), y)[0] * grad, None, None


def reference(current, *, tau=2.0, threshold=1.0, reset=0.0, decay_input=True, detach_reset=False, surrogate="atan", alpha=None, state=None):
    """Spikes and last membrane, one step after the other, differentiated by torch."""
    rest = 0.0 if reset is None else reset
    v = torch.full_like(current[0], rest) if state is None else state
    spikes = []
    for x in current:
        h = v + (x - (v - rest)) / tau if decay_input else v - (v - rest) / tau + x
        spikes.append(Fire.apply(h - threshold, surrogate, SURROGATES[surrogate] if alpha is None else alpha))
        z = spikes[-1].detach() if detach_reset else spikes[-1]
        v = h - z * threshold if reset is None else z * reset + (1 - z) * h
    return torch.stack(spikes), v


def differentiated(function, current, grads, state=None):
    """Spikes, last membrane and the gradients of the current and the state."""
    current = current.detach().clone().requires_grad_()
    state = None if state is None else state.detach().clone().requires_grad_()
    spikes, last = function(current, state)
    torch.autograd.backward([spikes, last], list(grads))
    return spikes.detach(), last.detach(), current.grad, None if state is None else state.grad


def near(found, wanted):
    """Equal up to rounding, as a part of the largest gradient."""
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    assert (found - wanted).abs().max() <= (1e-6 if found.dtype == torch.float32 else 1e-12) * max(wanted.abs().max(), 1)


RULES = st.fixed_dictionaries({"tau": st.sampled_from([1.0, 2.0, 1.7, 10.0]), "threshold": st.sampled_from([1.0, 0.5, 0.3]),
                               "reset": st.sampled_from([0.0, None, -0.25]),
                               "decay_input": st.booleans(), "detach_reset": st.booleans(), "surrogate": st.sampled_from(list(SURROGATES)),
                               "alpha": st.sampled_from([None, 0.7, 3.0])})
CASES = {"rule": RULES, "steps": st.integers(1, 8), "shape": st.sampled_from([(1,), (5,), (3, 7), (2, 300), (1100,), (2, 3, 4, 5)]),
         "seed": st.integers(0, 2**31), "dtype": st.sampled_from([torch.float32, torch.float64]), "with_state": st.booleans(), "constant": st.booleans(), "grid": st.booleans()}


def inputs(steps, shape, seed, dtype, with_state, constant, grid):
    """Currents, state and gradients; on a grid many membranes are exactly at the threshold."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *size: torch.randn(*size, generator=generator, dtype=dtype)
    values = [draw(1 if constant else steps, *shape) * 1.5, draw(*shape) if with_state else None]
    current, state = ((x if x is None or not grid else (x * 4).round() / 4) for x in values)
    return current, state, (draw(steps, *shape), draw(*shape))


@given(**CASES)
def test_spikes_and_gradients_are_those_of_a_plain_loop(rule, steps, shape, seed, dtype, with_state, constant, grid):
    current, state, grads = inputs(steps, shape, seed, dtype, with_state, constant, grid)
    wanted = differentiated(lambda x, v: reference(x.expand(steps, *shape), state=v, **rule), current, grads, state)
    if constant:
        found = differentiated(lambda x, v: lif(x[0], steps=steps, state=v, return_state=True, **rule), current, grads, state)
    else:
        found = differentiated(lambda x, v: lif(x, state=v, return_state=True, **rule), current, grads, state)
    assert torch.equal(found[0], wanted[0])
    assert torch.equal(found[1], wanted[1])
    near(found[2], wanted[2])
    if with_state:
        near(found[3], wanted[3])


@given(**CASES)
def test_plain_torch_does_what_the_kernels_do(rule, steps, shape, seed, dtype, with_state, constant, grid):
    current, state, (grad_spikes, grad_last) = inputs(steps, shape, seed, dtype, with_state, constant, grid)
    current, grad_spikes, grad_last = current.flatten(1), grad_spikes.flatten(1), grad_last.flatten()
    state = current.new_empty(0) if state is None else state.flatten()
    rule = neuron._Rule(**rule)
    for compiled, plain in zip(neuron._compiled_forward(current, state, steps, rule), neuron._plain_forward(current, state, steps, rule)):
        assert torch.equal(compiled, plain)
    for last in (grad_last, current.new_empty(0)):
        arguments = current, state, grad_spikes, last, rule
        for compiled, plain in zip(neuron._compiled_backward(*arguments), neuron._plain_backward(*arguments)):
            near(compiled, plain)


@pytest.mark.filterwarnings("ignore")
@given(**CASES)
def test_spikes_and_gradients_are_those_of_spikingjelly(rule, steps, shape, seed, dtype, with_state, constant, grid):
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based import neuron as theirs
    from spikingjelly.activation_based import surrogate

    def node(x, v):
        function = {"atan": surrogate.ATan, "sigmoid": surrogate.Sigmoid, "triangular": surrogate.PiecewiseQuadratic}[rule["surrogate"]]
        made = theirs.LIFNode(rule["tau"], rule["decay_input"], rule["threshold"], rule["reset"], function(alpha), rule["detach_reset"], step_mode="m")
        made.v = torch.full_like(x[0], rule["reset"] or 0.0) if v is None else v
        return made(x.expand(steps, *shape)), made.v

    alpha = SURROGATES[rule["surrogate"]] if rule["alpha"] is None else rule["alpha"]
    rule["tau"] = max(rule["tau"], 1.1)  # they ask for more than 1
    current, state, grads = inputs(steps, shape, seed, dtype, with_state, constant, grid)
    wanted = differentiated(node, current, grads, state)
    if constant:
        found = differentiated(lambda x, v: lif(x[0], steps=steps, state=v, return_state=True, **rule), current, grads, state)
    else:
        found = differentiated(lambda x, v: lif(x, state=v, return_state=True, **rule), current, grads, state)
    assert torch.equal(found[0], wanted[0])
    near(found[2], wanted[2])
    if with_state:
        near(found[3], wanted[3])


@pytest.mark.parametrize("alpha", [None, 0.5, 8.0])
@pytest.mark.parametrize("surrogate", list(SURROGATES))
def test_the_gradient_of_one_step_is_the_derivative_of_the_smooth_step(surrogate, alpha):
    x = torch.linspace(-30, 30, 2001, dtype=torch.float64, requires_grad=True)
    lif(x, steps=1, tau=1.0, decay_input=False, surrogate=surrogate, alpha=alpha).sum().backward()
    y = (x.detach() - 1).requires_grad_()
    STEP[surrogate](y, SURROGATES[surrogate] if alpha is None else alpha).sum().backward()
    assert torch.allclose(x.grad, y.grad, rtol=1e-10, atol=1e-14)


def test_the_neuron_of_ch_snn():
    a, theta = 0.5, 0.5
    current = np.random.default_rng(0).normal(0.2, 0.5, (8, 50)).astype(np.float32)
    v, z, wanted = np.zeros(50, np.float32), np.zeros(50, np.float32), []
    for x in current:
        v = (1 - z) * a * v + x
        z = (v >= theta).astype(np.float32)
        wanted.append(z)
    found = lif(torch.from_numpy(current), tau=1 / (1 - a), threshold=theta, decay_input=False)
    assert found.sum() > 50 and (found.numpy() == np.array(wanted)).all()


def test_a_membrane_at_the_threshold_fires():
    assert lif(torch.tensor([[2.0, np.nextafter(np.float32(2), np.float32(0))]])).tolist() == [[1.0, 0.0]]
    assert lif(torch.full((4, 1), 0.25), tau=float("inf"), decay_input=False).flatten().tolist() == [0, 0, 0, 1]


def test_spikes_in_two_parts_are_those_in_one():
    x, g = torch.randn(8, 3, 40), torch.randn(8, 3, 40)
    whole, parts = x.clone().requires_grad_(), x.clone().requires_grad_()
    wanted = lif(whole, tau=3.0, reset=None)
    wanted.backward(g)
    first, state = lif(parts[:3], tau=3.0, reset=None, return_state=True)
    found = torch.cat([first, lif(parts[3:], tau=3.0, reset=None, state=state)])
    found.backward(g)
    assert torch.equal(found, wanted) and torch.equal(parts.grad, whole.grad)


def test_a_constant_current_is_kept_once():
    x = torch.randn(4, 30, requires_grad=True)
    spikes = lif(x, steps=16)
    assert spikes.shape == (16, 4, 30) and spikes.sum() > 0
    assert [None if kept is None else kept.numel() for kept in spikes.grad_fn.saved_tensors] == [120, None]
    assert torch.equal(spikes, lif(x.expand(16, 4, 30)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, dtype):
    monkeypatch.setattr(neuron, "GRAIN", 1)
    current, state, grads = inputs(6, (3, 1001), 0, dtype, True, False, False)
    run = lambda: differentiated(lambda x, v: lif(x, tau=3.0, surrogate="sigmoid", state=v, return_state=True), current, grads, state)
    monkeypatch.setenv("NETSNN_THREADS", "1")
    wanted = run()
    for threads in (2, 3, 7):
        monkeypatch.setenv("NETSNN_THREADS", str(threads))
        assert len(neuron._parts(6, 3003)) == threads
        assert all(torch.equal(a, b) for a, b in zip(run(), wanted))


def test_inputs_and_gradients_need_not_be_contiguous():
    x = torch.randn(5, 6, 4, dtype=torch.float64)
    wanted = x.clone().requires_grad_()
    (reference(wanted)[0].mean(0) * torch.arange(4)).sum().backward()
    for made in (x.transpose(0, 2).contiguous().transpose(0, 2), x.repeat_interleave(2, -1)[..., ::2], x.flip(1).flip(1)):
        made = made.detach().requires_grad_()
        (lif(made).mean(0) * torch.arange(4)).sum().backward()
        near(made.grad, wanted.grad)


def test_infinite_and_missing_numbers_go_the_way_of_plain_torch():
    x = torch.tensor([float("inf"), -float("inf"), float("nan"), 3e38, -3e38]).expand(3, 5).requires_grad_()
    for reset in (0.0, None):
        spikes, last = lif(x, reset=reset, return_state=True)
        wanted, membrane = reference(x, reset=reset)
        assert torch.equal(spikes, wanted) and torch.equal(last.nan_to_num(7), membrane.nan_to_num(7))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single_precision(dtype):
    x, g = torch.randn(6, 50).to(dtype), torch.randn(6, 50).to(dtype)
    half, single = x.clone().requires_grad_(), x.float().requires_grad_()
    spikes, last = lif(half, tau=3.0, return_state=True)
    wanted, membrane = lif(single, tau=3.0, return_state=True)
    spikes.backward(g)
    wanted.backward(g.float())
    assert spikes.dtype == dtype and torch.equal(spikes.float(), wanted)
    assert last.dtype == torch.float32 and torch.equal(last, membrane)
    assert half.grad.dtype == dtype and torch.equal(half.grad, single.grad.to(dtype))


def mlp(**options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 30), LIF(**options), nn.Linear(30, 5), LIF(**options))


def test_a_network_trains_under_autocast():
    model = mlp(threshold=0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        spikes = model(4 * torch.randn(6, 3, 12))
    spikes.sum().backward()
    assert spikes.dtype == torch.bfloat16 and spikes.sum() > 0
    assert model[0].weight.grad.dtype == torch.float32 and model[0].weight.grad.abs().sum() > 0


def test_without_gradients_nothing_is_kept():
    with torch.no_grad():
        spikes = lif(torch.randn(3, 4, requires_grad=True))
    assert spikes.grad_fn is None and not spikes.requires_grad
    assert not lif(torch.randn(3, 4)).requires_grad


def test_the_state_alone_can_be_differentiated():
    state = torch.tensor([0.5, 3.0], requires_grad=True)
    _, last = lif(torch.zeros(1, 2), tau=4.0, detach_reset=True, state=state, return_state=True)
    last.sum().backward()
    assert state.grad.tolist() == [0.75, 0.0]


def test_there_is_no_second_derivative():
    x = torch.randn(3, 4, requires_grad=True)
    grad, = torch.autograd.grad(lif(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def test_a_current_changed_in_place_is_noticed():
    x = 1.0 * torch.randn(3, 4, requires_grad=True)
    spikes = lif(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        spikes.sum().backward()


@pytest.mark.filterwarnings("ignore")
def test_torch_compile_sees_the_whole_network():
    x = 3 * torch.randn(6, 3, 12)
    plain, model = (mlp(threshold=0.1, tau=3.0, record=True) for _ in range(2))
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    wanted, found = plain(x), compiled(x)
    assert wanted.sum() > 0 and torch.equal(found, wanted)
    assert [model[i].firing for i in (1, 3)] == [plain[i].firing for i in (1, 3)]
    wanted.mean().backward()
    found.mean().backward()
    near(model[0].weight.grad, plain[0].weight.grad)


def test_no_steps_and_no_neurons():
    for shape in ((0, 3, 4), (3, 0, 4), (3, 4, 0), (5,)):
        x = torch.randn(shape, requires_grad=True)
        spikes, last = lif(x, reset=-0.5, return_state=True)
        assert spikes.shape == shape and last.shape == shape[1:]
        spikes.sum().backward()
        assert x.grad.shape == shape
    assert (lif(torch.randn(0, 3), reset=-0.5, return_state=True)[1] == -0.5).all()


def test_a_module_does_what_the_function_does_and_keeps_nothing():
    x = torch.randn(8, 3, 20)
    options = dict(tau=3.0, threshold=0.5, reset=None, decay_input=False, detach_reset=True, surrogate="triangular", alpha=0.8)
    module = LIF(**options)
    assert not list(module.parameters()) and not module.state_dict()
    for _ in range(2):
        assert torch.equal(module(x), lif(x, **options))
    state = torch.rand(3, 20)
    for found, wanted in zip(module(x, state, return_state=True), lif(x, state=state, return_state=True, **options)):
        assert torch.equal(found, wanted)
    assert torch.equal(LIF(steps=4)(x[0]), lif(x[0], steps=4))


def test_a_module_can_be_copied_and_saved():
    module = LIF(tau=3.0, reset=None, surrogate="sigmoid", record=True)
    x = torch.randn(8, 20, requires_grad=True)
    module(x)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    for other in (deepcopy(module), pickle.loads(pickle.dumps(module)), torch.load(file, weights_only=False)):
        assert repr(other) == repr(module) and other.firing == module.firing and torch.equal(other(x), module(x))


def test_a_module_shows_its_parameters():
    assert repr(LIF()) == "LIF(tau=2.0, threshold=1.0, reset=0.0, decay_input=True, detach_reset=False, surrogate='atan', alpha=2.0)"
    assert repr(LIF(reset=None, surrogate="sigmoid", steps=3, record=True)) == (
        "LIF(tau=2.0, threshold=1.0, reset=None, decay_input=True, detach_reset=False, surrogate='sigmoid', alpha=4.0, steps=3, record=True)")


def test_spikes_are_counted_in_evaluation_or_when_asked():
    x = torch.randn(8, 3, 20).to(torch.bfloat16) * 2
    module = LIF()
    module(x)
    assert module.firing is None
    spikes = module.eval()(x)
    assert 0 < module.firing < 1 and module.firing == spikes.double().mean().item()
    counted = module.firing
    module.train()(x + 1)
    assert module.firing == counted
    module.record = True
    assert module(x + 1).double().mean().item() == module.firing > counted


@pytest.mark.parametrize(("options", "message"), [
    ({"tau": 0.5}, r"tau must be at least 1, got 0.5"), ({"tau": float("nan")}, "tau must be a number, got nan"),
    ({"surrogate": "relu"}, "surrogate must be one of atan, sigmoid, triangular, got 'relu'"), ({"alpha": 0.0}, "alpha must be a positive number, got 0.0"),
    ({"threshold": float("inf")}, "threshold must be a number, got inf"), ({"threshold": -1.0}, "threshold must be a positive number, got -1.0"), ({"reset": float("nan")}, "reset must be a number, got nan"),
    ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
])
def test_wrong_parameters_are_named(options, message):
    for call in (lambda: LIF(**options), lambda: lif(torch.zeros(3, 4), **options)):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(("current", "state", "message"), [
    (torch.zeros(3, 4, dtype=torch.int64), None, "current must be a tensor of floats, got torch.int64"),
    ([[1.0]], None, "current must be a tensor of floats, got list"), (torch.tensor(1.0), None, r"current must be \(steps, batch..., neurons\)"),
    (torch.zeros(3, 4, 5), torch.zeros(5), r"state must have the shape of one step, \(4, 5\), got \(5,\)"),
])
def test_wrong_tensors_are_named(current, state, message):
    with pytest.raises(ValueError, match=message):
        lif(current, state=state)
