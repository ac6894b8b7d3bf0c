"""Layers on their links against the dense layer."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from netsnn.bridge.compute import Pattern, sparse_linear

torch.set_num_threads(1)


def both(x, weight, bias, mask, dtype, dense_gradient=False):
    """(output, gradients) of the dense layer in float64, and of the layer on links."""
    found = []
    for kind, way in ((torch.float64, lambda x, w, b: functional.linear(x, w * mask, b)), (dtype, lambda x, w, b: sparse_linear(x, w, b, Pattern(mask), dense_gradient=dense_gradient))):
        leaves = [None if leaf is None else leaf.detach().to(kind).requires_grad_() for leaf in (x, weight * mask, bias)]
        y = way(*leaves)
        (y * torch.linspace(-1, 1, y.numel(), dtype=kind).reshape(y.shape)).sum().backward()
        found.append([y.detach(), *(leaf.grad for leaf in leaves if leaf is not None)])
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 150), st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.booleans(), st.sampled_from([torch.float32, torch.float64]), st.integers(0, 99))
def test_output_and_gradients_are_the_dense_layers(rows, n_in, n_out, density, with_bias, dtype, seed):
    torch.manual_seed(seed)
    mask = torch.rand(n_out, n_in) < density
    expected, found = both(torch.randn(rows, n_in), torch.randn(n_out, n_in), torch.randn(n_out) if with_bias else None, mask, dtype)
    tolerance = dict(rtol=1e-4, atol=1e-4) if dtype == torch.float32 else dict(rtol=1e-10, atol=1e-12)
    assert found[2].is_sparse and torch.equal(found[2]._indices(), mask.nonzero().T)
    found[2] = found[2].to_dense()
    for i, (a, b) in enumerate(zip(expected, found)):
        torch.testing.assert_close(b.double(), a * mask if i == 2 else a, **tolerance)


@pytest.mark.parametrize("shape", [(30,), (5, 30), (8, 70, 30), (2, 3, 4, 30)])
def test_inputs_may_have_any_shape_and_lie_anyhow(shape):
    torch.manual_seed(0)
    mask = torch.rand(20, 30) < 0.2
    expected, found = both(torch.randn(shape), torch.randn(20, 30), None, mask, torch.float64)
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])
    weight = (torch.randn(20, 30) * mask).double()
    lying = torch.randn(30, 64, dtype=torch.float64).T
    torch.testing.assert_close(sparse_linear(lying, weight, None, Pattern(mask)), functional.linear(lying, weight))
    torch.testing.assert_close(sparse_linear(lying[::3], weight, None, Pattern(mask)), functional.linear(lying[::3], weight))


def test_gradients_pass_torchs_own_check():
    torch.manual_seed(0)
    mask = torch.rand(7, 9) < 0.4
    weight, bias, x = (torch.randn(7, 9) * mask).double().requires_grad_(), torch.randn(7).double().requires_grad_(), torch.randn(70, 9).double().requires_grad_()
    pattern = Pattern(mask)
    assert torch.autograd.gradcheck(lambda x, b: sparse_linear(x, weight.detach(), b, pattern), (x, bias))
    assert torch.autograd.gradcheck(lambda w: sparse_linear(x.detach(), w * mask, None, pattern, dense_gradient=True), (weight,))


def test_the_gradient_of_all_places_is_there_when_asked_for():
    torch.manual_seed(0)
    mask = torch.rand(12, 30) < 0.1
    expected, found = both(torch.randn(50, 30), torch.randn(12, 30), None, mask, torch.float64, dense_gradient=True)
    g = torch.linspace(-1, 1, 600, dtype=torch.float64).reshape(50, 12)
    assert not found[2].is_sparse and (found[2] != 0).float().mean() > 0.9
    torch.manual_seed(0)
    torch.rand(12, 30)
    torch.testing.assert_close(found[2], g.T @ torch.randn(50, 30).double())


def test_gradients_of_several_passes_add_up():
    torch.manual_seed(0)
    mask = torch.rand(12, 30) < 0.1
    weight, pattern = nn.Parameter(torch.randn(12, 30) * mask), Pattern(mask)
    xs = torch.randn(3, 50, 30)
    for x in xs:
        sparse_linear(x, weight, None, pattern).sum().backward()
    assert weight.grad.is_sparse and weight.grad._nnz() == mask.sum()
    torch.testing.assert_close(weight.grad.to_dense(), mask * xs.sum(dim=(0, 1)))
    torch.optim.SGD([weight], 0.1).zero_grad(set_to_none=False)
    sparse_linear(xs[0], weight, None, pattern).sum().backward()
    torch.testing.assert_close(weight.grad.to_dense(), mask * xs[0].sum(dim=0))


def test_no_graph_no_gradient_and_other_kinds():
    mask = torch.eye(4, dtype=torch.bool)
    weight = nn.Parameter(torch.eye(4))
    with torch.no_grad():
        assert sparse_linear(torch.ones(2, 4), weight, None, Pattern(mask)).grad_fn is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = sparse_linear(torch.ones(2, 4, dtype=torch.bfloat16, requires_grad=True), weight, None, Pattern(mask))
    assert made.dtype == torch.float32
    made.sum().backward()
    assert (sparse_linear(torch.ones(0, 4), weight, None, Pattern(mask)).shape == (0, 4))
    with pytest.raises(ValueError, match="layers compute on links with float32 or float64 on the CPU, got torch.bfloat16 on cpu"):
        sparse_linear(torch.ones(2, 4), weight.bfloat16(), None, Pattern(mask))


def test_results_do_not_depend_on_the_number_of_threads():
    code = ("import torch, hashlib; from netsnn.bridge.compute import *; torch.manual_seed(0); m = torch.rand(90, 80) < 0.1; "
            "w = torch.nn.Parameter(torch.randn(90, 80) * m); x = torch.randn(1000, 80, requires_grad=True); y = sparse_linear(x, w, None, Pattern(m)); y.square().sum().backward(); "
            "print(hashlib.sha256(b''.join(t.detach().numpy().tobytes() for t in (y, x.grad, w.grad._values()))).hexdigest())")
    runs = [subprocess.run([sys.executable, "-c", code], env={**os.environ, "NETSNN_THREADS": threads, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True).stdout
            for threads in ("1", "2")]
    assert runs[0] == runs[1] and len(runs[0]) > 60


def test_a_pattern_is_its_masks_links():
    mask = torch.tensor([[True, False, True], [False, False, False], [True, True, False]])
    pattern = Pattern(mask)
    assert pattern.positions.tolist() == [0, 2, 6, 7] and pattern.indices.tolist() == [[0, 0, 2, 2], [0, 2, 0, 1]]
    assert pattern.starts.tolist() == [0, 2, 2, 4] and pattern.back_starts.tolist() == [0, 2, 3, 4]
    assert np.asarray(pattern.back_ends).tolist() == [0, 2, 2, 0] and pattern.order.tolist() == [0, 2, 3, 1]
