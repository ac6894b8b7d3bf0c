"""A linear layer on its links alone: forward and backward passes whose time goes with the links."""

from __future__ import annotations

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from netsnn.kernels import sparse
from netsnn.threads import run

__all__ = ["Pattern", "sparse_linear"]

GROUPS = 8  # parts of a batch that are worked on apart, whatever the number of threads: sums come out the same


class Pattern:
    """The links of a mask (out, in), compiled: by output, by input, and as places in the weight.

    positions : flat places of the links in the weight, in its order;  indices : the same as (2, links) rows and columns
    """

    def __init__(self, mask: torch.Tensor) -> None:
        n_out, n_in = mask.shape
        flat = np.flatnonzero(mask.detach().cpu().numpy().reshape(-1))
        row, col = np.divmod(flat, max(n_in, 1))
        self.positions, self.indices = torch.from_numpy(flat), torch.from_numpy(np.stack([row, col]))
        self.starts, self.ends = _starts(row, n_out), col.astype(np.uint32)
        self.order = np.argsort(col, kind="stable")
        self.back_starts, self.back_ends = _starts(col, n_in), row[self.order].astype(np.uint32)


def sparse_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, pattern: Pattern, *, dense_gradient: bool = False) -> torch.Tensor:
    """x W^T + b, computed on the links of `pattern` alone; x is (..., in), of float32 or float64, on the CPU.

    The weight's gradient is a sparse tensor of its links, in their order; with `dense_gradient` that of all places, for methods that look at absent weights.

    Examples
    --------
    >>> weight = torch.tensor([[0.0, 2.0], [1.0, 0.0]], requires_grad=True)
    >>> y = sparse_linear(torch.tensor([[3.0, 4.0]]), weight, None, Pattern(weight != 0))
    >>> y.sum().backward()
    >>> y.detach(), weight.grad.to_dense()
    (tensor([[8., 3.]]), tensor([[0., 4.],
            [3., 0.]]))
    """
    if x.device.type != "cpu" or weight.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"layers compute on links with float32 or float64 on the CPU, got {weight.dtype} on {x.device}")
    return _SparseLinear.apply(x.to(weight.dtype), weight, bias, pattern, dense_gradient)


class _SparseLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, pattern, dense_gradient):
        rows = x.detach().reshape(-1, x.shape[-1]).contiguous()
        values = weight.detach().reshape(-1)[pattern.positions].numpy()
        shift = np.empty(0, values.dtype) if bias is None else bias.detach().to(weight.dtype).contiguous().numpy()
        out = np.empty((len(rows), weight.shape[0]), values.dtype)
        given = rows.numpy()
        list(run(lambda part: sparse.forward(given, pattern.starts, pattern.ends, values, shift, *part, out), _parts(len(rows))))
        ctx.save_for_backward(rows)
        ctx.values, ctx.pattern, ctx.dense_gradient, ctx.shape, ctx.weight_shape = values, pattern, dense_gradient, x.shape, weight.shape
        return torch.from_numpy(out).reshape(*x.shape[:-1], weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (rows,), pattern, values = ctx.saved_tensors, ctx.pattern, ctx.values
        want_x, want_weight, want_bias = ctx.needs_input_grad[:3]
        flat = gradient.to(rows.dtype).reshape(-1, gradient.shape[-1]).contiguous()
        on_links = want_weight and not ctx.dense_gradient
        parts = _parts(len(rows))
        out_x = np.empty(rows.shape if want_x else (0, 0), values.dtype)
        sums = np.zeros((len(parts) if on_links else 0, len(values)), values.dtype)
        if want_x or on_links:
            back = values[pattern.order]
            given, came, nothing = rows.numpy(), flat.numpy(), np.empty(0, values.dtype)
            list(run(lambda k: sparse.backward(given, came, pattern.starts, pattern.ends, pattern.back_starts, pattern.back_ends, back, *parts[k], want_x, on_links,
                                               out_x, sums[k] if on_links else nothing), range(len(parts))))
        grad_weight = None
        if on_links:
            grad_weight = torch.sparse_coo_tensor(pattern.indices, torch.from_numpy(sums.sum(axis=0)), ctx.weight_shape, is_coalesced=True, check_invariants=False)
        elif want_weight:
            grad_weight = flat.T @ rows
        return torch.from_numpy(out_x).reshape(ctx.shape) if want_x else None, grad_weight, flat.sum(dim=0) if want_bias else None, None, None


def _parts(n: int) -> list[tuple[int, int]]:
    """The rows 0 .. n in at most GROUPS stretches of whole strips."""
    strips = -(-n // sparse.WIDTH)
    borders = [min(n, sparse.WIDTH * (strips * k // GROUPS)) for k in range(GROUPS + 1)]
    return [(a, b) for a, b in zip(borders, borders[1:]) if a < b]


def _starts(sorted_or_not: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(sorted_or_not, minlength=n))]).astype(np.int64)
