"""A masked linear layer that computes, on the CPU, on its links alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch.autograd.function import once_differentiable

from netsnn.kernels.sparse import ROWS, gradients, product
from netsnn.threads import run

__all__ = ["Pattern", "sparse_linear"]

GROUPS = 8  # of rows, at most: each gives a part of the weights' gradient, summed in order, so that rounding is the same with any number of threads


class Pattern:
    """The links of a layer, compiled from its mask (out, in) for `sparse_linear`. They are in row-major order of the mask.

    Attributes
    ----------
    shape : (out, in)
    positions : int64 tensor (links,)
        Where the links are in the flat weight.
    indices : int64 tensor (2, links)
        Their rows and columns, as a sparse gradient has them.
    indptr, columns : int64 and int32 arrays
        Their compressed rows: output o has inputs columns[indptr[o]:indptr[o + 1]].
    back_indptr, back_rows, back_order : int64, int32 and int64 arrays
        The same of the transpose, whose links are those at `back_order`.

    Examples
    --------
    >>> pattern = Pattern(torch.tensor([[True, False, True], [True, False, False]]))
    >>> pattern.positions.tolist(), pattern.columns.tolist(), pattern.back_rows.tolist()
    ([0, 2, 3], [0, 2, 0], [0, 1, 0])
    """

    def __init__(self, mask: torch.Tensor) -> None:
        if mask.ndim != 2:
            raise ValueError(f"a mask has the shape (out, in), got {tuple(mask.shape)}")
        self.shape = n_out, n_in = tuple(mask.shape)
        positions = np.flatnonzero(mask.detach().cpu().numpy())
        rows, columns = np.divmod(positions, max(n_in, 1))
        self.positions, self.indices = torch.from_numpy(positions), torch.from_numpy(np.stack([rows, columns]))
        self.indptr, self.columns = np.searchsorted(rows, np.arange(n_out + 1)), columns.astype(np.int32)
        numbered = sparse.csr_array((np.arange(len(positions)), columns, self.indptr), shape=self.shape).tocsc()  # a counting sort
        self.back_indptr, self.back_rows, self.back_order = numbered.indptr.astype(np.int64), numbered.indices.astype(np.int32), numbered.data


def sparse_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, pattern: Pattern, *, dense_gradient: bool = False) -> torch.Tensor:
    """y = x W^T + b, as torch.nn.functional.linear, where W is `weight` at the links of `pattern` and 0 elsewhere.

    Forward and backward take time that goes with the links. Inputs in half precision, as torch.autocast makes them, are computed with in float32.
    Results do not depend on the number of threads.

    Parameters
    ----------
    x : (..., in), float32 or float64, on the CPU
    weight : (out, in), dense, of the same dtype
        Only its values at links are read.
    bias : (out,), optional
    dense_gradient : bool
        By default `weight.grad` becomes a coalesced sparse COO tensor of the links' gradients. With True it is the dense gradient of all weights,
        by one dense product, for methods that look at absent ones.

    Examples
    --------
    >>> weight = torch.tensor([[0.5, 0.0, 2.0], [0.0, -1.0, 0.0]], requires_grad=True)
    >>> y = sparse_linear(torch.ones(4, 3), weight, None, Pattern(weight != 0))
    >>> y[0].tolist()
    [2.5, -1.0]
    >>> y.sum().backward()
    >>> weight.grad.values().tolist()
    [4.0, 4.0, 4.0]
    """
    if x.dtype in (torch.bfloat16, torch.float16) and weight.dtype == torch.float32:
        x = x.float()
    _check(x, weight, bias, pattern)
    return _SparseLinear.apply(x, weight, bias, pattern, dense_gradient)


# ---- inside -----------------------------------------------------------------------------------


class _SparseLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, pattern: Pattern, dense_gradient: bool) -> torch.Tensor:
        rows = _rows(x)
        values = weight.detach().reshape(-1).index_select(0, pattern.positions)  # which is much faster than [positions]
        ctx.save_for_backward(rows if ctx.needs_input_grad[1] else None, values)
        ctx.pattern, ctx.dense_gradient, ctx.shape = pattern, dense_gradient, x.shape
        shift = torch.zeros(pattern.shape[0], dtype=x.dtype) if bias is None else bias.detach().contiguous()
        return _product(rows, pattern.indptr, pattern.columns, values.numpy(), shift.numpy()).view(*x.shape[:-1], pattern.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        pattern, (x, values), g = ctx.pattern, ctx.saved_tensors, _rows(grad_y)
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        back_values = values.numpy()[pattern.back_order]
        grad_x = grad_weight = grad_bias = None
        if wants_weight and not ctx.dense_gradient:
            grad_x, grad_values, grad_bias = _gradients(x, g, pattern, back_values, wants_x)
            grad_weight = torch.sparse_coo_tensor(pattern.indices, grad_values, pattern.shape, is_coalesced=True, check_invariants=False)
            ctx.held = grad_weight  # so that torch clones it into weight.grad: one that nobody holds it takes apart, and forgets that it is coalesced
        else:
            if wants_x:
                grad_x = _product(g, pattern.back_indptr, pattern.back_rows, back_values, np.zeros(pattern.shape[1], back_values.dtype))
            if wants_weight:
                with torch.autocast("cpu", enabled=False):
                    grad_weight = g.T @ x
            if wants_bias:
                grad_bias = g.sum(0)
        return grad_x.view(ctx.shape) if wants_x and grad_x is not None else None, grad_weight, grad_bias if wants_bias else None, None, None


def _product(x: torch.Tensor, indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, bias: np.ndarray) -> torch.Tensor:
    y = torch.empty(len(x), len(bias), dtype=x.dtype)
    source, out = x.numpy(), y.numpy()
    for _ in run(lambda group: product(source, *group, indptr, indices, values, bias, out), _groups(len(x))):
        pass
    return y


def _gradients(x: torch.Tensor, g: torch.Tensor, pattern: Pattern, values: np.ndarray, with_x: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of the inputs, of the links in their order, and of the biases."""
    grad_x = torch.empty(x.shape if with_x else (0, 0), dtype=x.dtype)
    inputs, outputs, out = x.numpy(), g.numpy(), grad_x.numpy()

    def part(group: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        of_values, of_bias = np.zeros(len(values), values.dtype), np.zeros(g.shape[1], values.dtype)
        gradients(inputs, outputs, *group, pattern.back_indptr, pattern.back_rows, values, with_x, out, of_values, of_bias)
        return of_values, of_bias

    grad_values, grad_bias = np.zeros(len(values), values.dtype), np.zeros(g.shape[1], values.dtype)
    for of_values, of_bias in run(part, _groups(len(x))):
        grad_values += of_values
        grad_bias += of_bias
    in_order = np.empty_like(grad_values)
    in_order[pattern.back_order] = grad_values
    return grad_x, torch.from_numpy(in_order), torch.from_numpy(grad_bias)


def _groups(n: int) -> list[tuple[int, int]]:
    """Begin and end of at most GROUPS groups of whole chunks of rows, the same whatever the number of threads."""
    chunks = -(-n // ROWS)
    count = min(chunks, GROUPS)
    edges = [chunks * k // count * ROWS for k in range(count)] + [n]
    return list(zip(edges[:-1], edges[1:]))


def _rows(x: torch.Tensor) -> torch.Tensor:
    return x.detach().reshape(math.prod(x.shape[:-1]), x.shape[-1]).contiguous()


def _check(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, pattern: Pattern) -> None:
    for name, tensor in {"weight": weight, "x": x, "bias": bias}.items():
        if tensor is None:
            continue
        if tensor.device.type != "cpu" or tensor.layout != torch.strided:
            raise ValueError(f"layers compute on links with dense tensors on the CPU, got {name} of layout {tensor.layout} on {tensor.device}")
        if tensor.dtype not in (torch.float32, torch.float64) or tensor.dtype != weight.dtype:
            raise ValueError(f"layers compute on links with x, weight and bias in float32 or all in float64, got {name} in {tensor.dtype}")
    if tuple(weight.shape) != pattern.shape:
        raise ValueError(f"the pattern has the shape {pattern.shape}, the weight {tuple(weight.shape)}")
    if x.ndim == 0 or x.shape[-1] != pattern.shape[1]:
        raise ValueError(f"the layer has {pattern.shape[1]} inputs, got x of shape {tuple(x.shape)}")
    if bias is not None and tuple(bias.shape) != pattern.shape[:1]:
        raise ValueError(f"the layer has {pattern.shape[0]} outputs, got a bias of shape {tuple(bias.shape)}")
