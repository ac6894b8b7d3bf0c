import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netsnn.snn.encodings import direct, latency, rate

ENCODINGS = {"direct": direct, "rate": lambda x, steps: rate(x, steps, seed=0), "latency": latency}
values = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20)


@pytest.mark.parametrize("name", list(ENCODINGS))
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 1, 4, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_time_comes_first_and_the_type_stays(name, shape, dtype):
    x = torch.rand(shape).to(dtype)
    spikes = ENCODINGS[name](x, 5)
    assert spikes.shape == (5, *shape) and spikes.dtype == dtype and spikes.device == x.device


@pytest.mark.parametrize("name", list(ENCODINGS))
def test_arrays_are_encoded_as_tensors_are(name):
    x = np.random.default_rng(0).random((3, 4), dtype=np.float32)
    x.setflags(write=False)
    for array in (x, x[::-1], x.T.astype(np.float64)):
        assert torch.equal(ENCODINGS[name](array, 5), ENCODINGS[name](torch.tensor(array.copy()), 5))


def test_direct_repeats_without_a_copy():
    x = torch.rand(2, 3, requires_grad=True)
    encoded = direct(x, 4)
    assert all(torch.equal(step, x) for step in encoded) and encoded.data_ptr() == x.data_ptr()
    encoded.sum().backward()
    assert torch.equal(x.grad, torch.full((2, 3), 4.0))


def test_rates_are_the_values():
    x = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    spikes = rate(x, 20_000, seed=1)
    assert set(spikes.unique().tolist()) == {0.0, 1.0} and not spikes[:, 0].any() and spikes[:, 4].all()
    np.testing.assert_allclose(spikes.mean(0), x, atol=4 * 0.5 / np.sqrt(20_000))
    centred = spikes[:, 2] - 0.5
    assert abs(float((centred[1:] * centred[:-1]).mean())) < 4 * 0.25 / np.sqrt(20_000)  # independent from step to step


def test_a_seed_gives_the_same_spikes_in_every_type_and_an_integer_draws_anew():
    x = torch.rand(50, generator=torch.Generator().manual_seed(0)).half()
    spikes = rate(x, 10, seed=3)
    assert torch.equal(spikes, rate(x, 10, seed=3)) and not torch.equal(spikes, rate(x, 10, seed=4))
    assert torch.equal(spikes.double(), rate(x.double(), 10, seed=3)) and torch.equal(spikes.float(), rate(x.float(), 10, seed=3))
    reference = np.random.default_rng(3).random((10, 50), dtype=np.float32) < x.float().numpy()
    np.testing.assert_array_equal(spikes.numpy(), reference)
    rng = np.random.default_rng(3)
    assert torch.equal(rate(x, 10, seed=rng), spikes) and not torch.equal(rate(x, 10, seed=rng), spikes)


def test_no_global_random_state_is_touched():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    rate(torch.rand(3, generator=torch.Generator()), 4, seed=0)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", list(ENCODINGS))
def test_a_gpu_gives_the_same_spikes(name):
    x = torch.rand(64, 784)
    assert torch.equal(ENCODINGS[name](x.cuda(), 7).cpu(), ENCODINGS[name](x, 7))


@settings(deadline=None)
@given(x=values, steps=st.integers(1, 12))
def test_latency_is_one_spike_at_the_step_of_the_formula(x, steps):
    x = torch.tensor(x)
    spikes = latency(x, steps)
    for value, train in zip(x.tolist(), spikes.T.tolist()):
        expected = [0.0] * steps
        if value > 0:
            expected[min(int((1 - value) * steps), steps - 1)] = 1.0
        assert train == expected


@settings(deadline=None)
@given(x=values, steps=st.integers(1, 12))
def test_larger_values_never_spike_later(x, steps):
    x = torch.tensor(sorted(value for value in x if value) or [1.0])
    when = latency(x, steps).argmax(0)
    assert (when[1:] <= when[:-1]).all() and latency(torch.ones(1), steps)[0].all()


@pytest.mark.parametrize("name", list(ENCODINGS))
@pytest.mark.parametrize("steps", [0, -1, 2.0, True])
def test_steps_must_be_a_whole_number(name, steps):
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1"):
        ENCODINGS[name](torch.rand(3), steps)


@pytest.mark.parametrize("name", ["rate", "latency"])
def test_values_outside_0_to_1_are_refused(name):
    for x in ([0.5, 1.1], [-0.1, 0.2], [float("nan")]):
        with pytest.raises(ValueError, match=r"values must lie in \[0, 1\], got"):
            ENCODINGS[name](torch.tensor(x), 3)
    with pytest.raises(ValueError, match="values must be floating-point numbers in .0, 1., got torch.uint8"):
        ENCODINGS[name](torch.tensor([0, 255], dtype=torch.uint8), 3)
