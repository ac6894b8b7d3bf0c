"""A layer on its links alone against the dense layer in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from netsnn.bridge.compute import Pattern, sparse_linear
from netsnn.kernels.sparse import ROWS

torch.set_num_threads(1)
TOLERANCE = {torch.float32: dict(rtol=1e-4, atol=1e-4), torch.float64: dict(rtol=1e-11, atol=1e-11)}


def leaves(rows, mask, bias=True, dtype=torch.float64, seed=0):
    """Inputs, weight (0 where there is no link) and bias, which want gradients; integer `rows`, or all dimensions but the last."""
    generator = torch.Generator().manual_seed(seed)
    rows = (rows,) if isinstance(rows, int) else rows
    drawn = [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((*rows, mask.shape[1]), mask.shape, mask.shape[:1])]
    drawn[1] *= mask
    return [tensor.to(dtype).requires_grad_() for tensor in drawn[: 2 + bias]] + [None] * (not bias)


def passes(layer, x, weight, bias):
    """[y, gradient of x, of the weight, of the bias] under a gradient of y that differs from place to place."""
    y = layer(x, weight, bias)
    wanted = [leaf for leaf in (x, weight, bias) if leaf is not None and leaf.requires_grad]
    outer = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    return [y.detach(), *torch.autograd.grad(y, wanted, outer)]


def agree(x, weight, bias, mask, dtype=torch.float64):
    """Whether output and gradients are those of the dense layer in float64."""
    pattern = Pattern(mask)
    found = passes(lambda *given: sparse_linear(*given, pattern), x, weight, bias)
    double = [None if leaf is None else leaf.detach().double().requires_grad_(leaf.requires_grad) for leaf in (x, weight, bias)]
    expected = passes(lambda x, w, b: functional.linear(x, w * mask, b), *double)
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.dtype == dtype
        torch.testing.assert_close((a.to_dense() if a.is_sparse else a).double(), b, **TOLERANCE[dtype])


@given(st.integers(0, 2 * ROWS + 9), st.integers(1, 50), st.integers(1, 50), st.floats(0, 1), st.booleans(), st.sampled_from([torch.float32, torch.float64]),
       st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_output_and_gradients_are_those_of_the_dense_layer(rows, n_in, n_out, density, bias, dtype, seed):
    mask = torch.rand(n_out, n_in, generator=torch.Generator().manual_seed(seed)) < density
    agree(*leaves(rows, mask, bias, dtype, seed), mask, dtype)


@pytest.mark.parametrize("rows", [1, ROWS - 1, ROWS, ROWS + 1, 8 * ROWS, 17 * ROWS + 5])
@pytest.mark.parametrize("links", ["none", "all", "empty rows", "empty columns"])
def test_any_number_of_rows_and_any_wiring(rows, links):
    mask = torch.full((37, 41), links != "none")
    if links.startswith("empty"):
        mask &= torch.rand(37, 41, generator=torch.Generator().manual_seed(1)) < 0.2
        mask[(slice(None), slice(3, 30)) if links == "empty columns" else slice(5, 37)] = False
    agree(*leaves(rows, mask), mask)


@pytest.mark.parametrize("rows", [(), (5,), (3, 70), (2, 3, 40), (0, 4)])
def test_inputs_of_any_number_of_dimensions(rows):
    mask = torch.rand(20, 30, generator=torch.Generator().manual_seed(2)) < 0.1
    x, weight, bias = leaves(rows, mask)
    assert sparse_linear(x, weight, bias, Pattern(mask)).shape == (*rows, 20)
    agree(x, weight, bias, mask)


def test_tensors_need_not_be_contiguous():
    mask = torch.rand(20, 30, generator=torch.Generator().manual_seed(2)) < 0.1
    x, weight, bias = leaves(90, mask)
    turned = [torch.empty(*leaf.shape[::-1], dtype=leaf.dtype).T.copy_(leaf.detach()).requires_grad_() for leaf in (x, weight)]
    spread = torch.zeros(40, dtype=torch.float64)[::2].copy_(bias.detach()).requires_grad_()
    turned_mask = mask.T.contiguous().T
    assert not any(tensor.is_contiguous() for tensor in (*turned, spread, turned_mask))
    agree(*turned, spread, turned_mask)
    steps = leaves((7, 9), mask)[0].transpose(0, 1).detach().requires_grad_()
    agree(steps, weight, bias, mask)
    pattern = Pattern(mask)
    sparse_linear(x, weight, bias, pattern).sum().backward()  # the gradient is one number, expanded
    torch.testing.assert_close(x.grad, weight.detach().sum(0).expand(90, 30), **TOLERANCE[torch.float64])


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True), (True, False, True), (False, True, True)])
def test_gradients_that_nobody_wants_are_left_out(wanted):
    mask = torch.rand(20, 30, generator=torch.Generator().manual_seed(3)) < 0.2
    given = [leaf.requires_grad_(want) for leaf, want in zip((leaf.detach() for leaf in leaves(150, mask)), wanted)]
    agree(*given, mask)
    sparse_linear(*given, Pattern(mask)).sum().backward()
    assert [leaf.grad is not None for leaf in given] == list(wanted)


def test_silent_inputs_add_nothing_to_the_weights_gradient():
    mask = torch.rand(20, 30, generator=torch.Generator().manual_seed(3)) < 0.5
    x, weight, bias = leaves(3 * ROWS, mask)
    spikes = (x.detach() > 1.0).double()
    spikes[:, :8], spikes[:ROWS, 8:12] = 0, 0
    agree(spikes, weight, bias, mask)
    agree(spikes.requires_grad_(), weight, bias, mask)


def test_only_values_at_links_are_read():
    mask = torch.rand(20, 30, generator=torch.Generator().manual_seed(3)) < 0.2
    x, weight, bias = leaves(10, mask)
    torch.testing.assert_close(sparse_linear(x, weight.detach().masked_fill(~mask, torch.nan), bias, Pattern(mask)), sparse_linear(x, weight, bias, Pattern(mask)))


def test_links_of_weight_0_have_gradients():
    mask = torch.ones(3, 4, dtype=torch.bool)
    weight = torch.zeros(3, 4, requires_grad=True)
    sparse_linear(torch.ones(5, 4), weight, None, Pattern(mask)).sum().backward()
    assert weight.grad.values().tolist() == [5.0] * 12


def test_a_number_that_is_none_stays_with_the_outputs_that_see_it():
    mask = torch.tensor([[True, False], [False, True]])
    y = sparse_linear(torch.tensor([[torch.nan, 1.0], [torch.inf, 2.0], [3.0, 4.0]]), torch.eye(2), None, Pattern(mask))
    torch.testing.assert_close(y, torch.tensor([[torch.nan, 1.0], [torch.inf, 2.0], [3.0, 4.0]]), equal_nan=True)


def test_gradients_pass_torchs_own_check():
    mask = torch.rand(5, 6, generator=torch.Generator().manual_seed(4)) < 0.4
    x, weight, bias = leaves(ROWS + 2, mask)
    pattern = Pattern(mask)
    assert torch.autograd.gradcheck(lambda x, b: sparse_linear(x, weight.detach(), b, pattern), (x, bias))
    # of absent weights, too: they change nothing, and have no gradient
    assert torch.autograd.gradcheck(lambda w: sparse_linear(x.detach(), _Densely.apply(w), None, pattern), (weight,))


class _Densely(torch.autograd.Function):
    """The same weight, with a dense gradient, which torch's check insists on."""

    @staticmethod
    def forward(ctx, weight):
        return weight.clone()

    @staticmethod
    def backward(ctx, gradient):
        assert gradient.is_sparse
        return gradient.to_dense()


# ---- the weight's gradient ----------------------------------------------------------------------


def test_the_weights_gradient_is_sparse_coalesced_and_in_the_patterns_order():
    mask = torch.rand(40, 30, generator=torch.Generator().manual_seed(5)) < 0.2
    x, weight, _ = leaves(100, mask)
    pattern = Pattern(mask)
    y = sparse_linear(x, weight, None, pattern)
    y.backward(torch.ones_like(y))
    assert weight.grad.is_sparse and weight.grad.is_coalesced()
    assert torch.equal(weight.grad.indices(), mask.nonzero().T) and torch.equal(weight.grad.indices(), pattern.indices)
    torch.testing.assert_close(weight.grad.values(), (mask * x.detach().sum(0))[mask], **TOLERANCE[torch.float64])
    weight.grad.indices().zero_()  # what is done to it later leaves the pattern alone
    assert torch.equal(pattern.indices, mask.nonzero().T)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_gradients_of_several_passes_add_up(set_to_none):
    mask = torch.rand(40, 30, generator=torch.Generator().manual_seed(5)) < 0.2
    xs, weight, _ = leaves((3, 100), mask)
    weight, pattern = nn.Parameter(weight.detach()), Pattern(mask)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad(set_to_none=set_to_none)
        for x in xs.detach():
            sparse_linear(x, weight, None, pattern).sum().backward()
        assert weight.grad.is_sparse and weight.grad.is_coalesced() and weight.grad._nnz() == mask.sum()
        torch.testing.assert_close(weight.grad.to_dense(), mask * xs.detach().sum(dim=(0, 1)), **TOLERANCE[torch.float64])


def test_a_layer_used_twice_in_one_pass_has_the_sum_of_both_gradients():
    mask = torch.rand(30, 30, generator=torch.Generator().manual_seed(5)) < 0.2
    x, weight, bias = leaves(70, mask)
    pattern = Pattern(mask)
    found = passes(lambda x, w, b: sparse_linear(torch.tanh(sparse_linear(x, w, b, pattern)), w, b, pattern), x, weight, bias)
    expected = passes(lambda x, w, b: functional.linear(torch.tanh(functional.linear(x, w * mask, b)), w * mask, b), x, weight, bias)
    for a, b in zip(found, expected):
        torch.testing.assert_close(a.to_dense() if a.is_sparse else a, b, **TOLERANCE[torch.float64])


def test_all_weights_have_a_gradient_when_asked_for():
    mask = torch.rand(40, 30, generator=torch.Generator().manual_seed(6)) < 0.05
    given, pattern = leaves((2, 90), mask), Pattern(mask)
    given[0] = given[0].detach().transpose(0, 1).requires_grad_()
    found = passes(lambda x, w, b: sparse_linear(x, w, b, pattern, dense_gradient=True), *given)
    expected = passes(functional.linear, *given)
    assert found[2].layout == torch.strided and found[2].count_nonzero() == 1200
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b, **TOLERANCE[torch.float64])


def test_plain_sgd_takes_the_step_of_the_dense_layer():
    mask = torch.rand(40, 30, generator=torch.Generator().manual_seed(7)) < 0.1
    x, weight, bias = leaves(100, mask)
    pattern, results = Pattern(mask), []
    for layer in (lambda w, b: sparse_linear(x.detach(), w, b, pattern), lambda w, b: functional.linear(x.detach(), w * mask, b)):
        w, b = nn.Parameter(weight.detach().clone()), nn.Parameter(bias.detach().clone())
        optimizer = torch.optim.SGD([w, b], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            layer(w, b).square().mean().backward()
            optimizer.step()
        results.append((w.detach(), b.detach()))
    torch.testing.assert_close(*results)
    assert not results[0][0][~mask].any()


# ---- precision, threads, errors -----------------------------------------------------------------


def test_under_autocast_the_layer_computes_in_float32():
    mask = torch.rand(40, 30, generator=torch.Generator().manual_seed(8)) < 0.2
    x, weight, bias = leaves(100, mask, dtype=torch.float32)
    half = x.detach().bfloat16().requires_grad_()
    expected = passes(lambda *given: sparse_linear(*given, Pattern(mask), dense_gradient=True), half.detach().float().requires_grad_(), weight, bias)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = passes(lambda *given: sparse_linear(*given, Pattern(mask), dense_gradient=True), half, weight, bias)
    assert [tensor.dtype for tensor in found] == [torch.float32, torch.bfloat16, torch.float32, torch.float32]
    for a, b in zip(found, expected):
        assert torch.equal(a, b.to(a.dtype))


@pytest.mark.parametrize("rows", [1, 100, 1500])
def test_results_do_not_depend_on_the_number_of_threads(rows, monkeypatch):
    mask = torch.rand(90, 80, generator=torch.Generator().manual_seed(9)) < 0.1
    given, pattern, found = leaves(rows, mask, dtype=torch.float32), Pattern(mask), []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NETSNN_THREADS", threads)
        found.append([tensor.to_dense() for tensor in passes(lambda *given: sparse_linear(*given, pattern), *given)])
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others))


def test_without_gradients_nothing_is_kept():
    mask = torch.eye(4, dtype=torch.bool)
    weight = torch.eye(4, requires_grad=True)
    with torch.no_grad():
        assert sparse_linear(torch.ones(2, 4), weight, None, Pattern(mask)).grad_fn is None


def test_a_second_derivative_is_refused():
    mask = torch.eye(4, dtype=torch.bool)
    x = torch.ones(2, 4, requires_grad=True)
    slope, = torch.autograd.grad(sparse_linear(x, torch.eye(4), None, Pattern(mask)).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_a_mask_is_compiled_to_links_by_output_and_by_input():
    mask = torch.tensor([[True, False, True], [False, False, False], [True, True, False]])
    pattern = Pattern(mask)
    assert pattern.shape == (3, 3) and pattern.positions.tolist() == [0, 2, 6, 7] and pattern.indices.tolist() == [[0, 0, 2, 2], [0, 2, 0, 1]]
    assert pattern.indptr.tolist() == [0, 2, 2, 4] and pattern.columns.tolist() == [0, 2, 0, 1]
    assert pattern.back_indptr.tolist() == [0, 2, 3, 4] and pattern.back_rows.tolist() == [0, 2, 2, 0] and pattern.back_order.tolist() == [0, 2, 3, 1]
    assert pattern.columns.dtype == pattern.back_rows.dtype == np.int32
    assert torch.equal(Pattern(mask.float()).positions, pattern.positions)


def test_what_cannot_be_computed_is_said():
    mask, weight = torch.eye(4, dtype=torch.bool)[:3], torch.eye(4)[:3]
    pattern, x = Pattern(mask), torch.ones(2, 4)
    with pytest.raises(ValueError, match=r"a mask has the shape \(out, in\), got \(4,\)"):
        Pattern(mask[0])
    with pytest.raises(ValueError, match=r"on the CPU, got weight of layout torch.strided on meta"):
        sparse_linear(x, weight.to("meta"), None, pattern)
    with pytest.raises(ValueError, match=r"on the CPU, got x of layout torch.sparse_coo on cpu"):
        sparse_linear(x.to_sparse(), weight, None, pattern)
    with pytest.raises(ValueError, match=r"float64, got weight in torch.bfloat16"):
        sparse_linear(x, weight.bfloat16(), None, pattern)
    with pytest.raises(ValueError, match=r"float64, got x in torch.float64"):
        sparse_linear(x.double(), weight, None, pattern)
    with pytest.raises(ValueError, match=r"float64, got bias in torch.float64"):
        sparse_linear(x, weight, torch.zeros(3).double(), pattern)
    with pytest.raises(ValueError, match=r"pattern has the shape \(3, 4\), the weight \(4, 3\)"):
        sparse_linear(x, weight.T, None, pattern)
    with pytest.raises(ValueError, match=r"the layer has 4 inputs, got x of shape \(2, 3\)"):
        sparse_linear(torch.ones(2, 3), weight, None, pattern)
    with pytest.raises(ValueError, match=r"the layer has 3 outputs, got a bias of shape \(4,\)"):
        sparse_linear(x, weight, torch.zeros(4), pattern)
