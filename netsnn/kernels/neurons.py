"""The leaky integrate-and-fire neuron over all time steps, and its gradient.

Neurons are independent: they are taken WIDTH at a time, so that their membranes stay in the cache over all steps. Nothing is re-ordered or
contracted, so that a membrane at the threshold fires here when it fires in plain arithmetic. Quotients are `np.divide`: numba's `/` looks
whether the divisor is 0, which keeps loops from vector instructions.
"""

import numpy as np

from netsnn.kernels.compile import kernel

WIDTH = 512
ATAN, SIGMOID, TRIANGULAR = range(3)


@kernel(reorder=False)
def lif_forward(current, state, start, stop, decay_input, soft, tau, threshold, reset, spikes, membrane):
    """spikes[t, i] of neurons start .. stop - 1, and their `membrane` after the last step; `state` is that before the first, empty at rest.

    `current` is (steps, neurons), or (1, neurons) if it is the same at each step.
    """
    zero, one = spikes.dtype.type(0), spikes.dtype.type(1)
    charged = np.empty(WIDTH, spikes.dtype)
    for first in range(start, stop, WIDTH):
        last = min(first + WIDTH, stop)
        v, h = membrane[first:last], charged[:last - first]
        _begin(state[first:last], reset, v)
        for t in range(len(spikes)):
            _step(current[t % len(current), first:last], decay_input, soft, tau, threshold, reset, v, h)
            z = spikes[t, first:last]
            for i in range(len(h)):
                z[i] = one if h[i] >= threshold else zero


@kernel(reorder=False)
def lif_backward(current, state, grad_spikes, grad_membrane, start, stop, decay_input, soft, detach, tau, threshold, reset, surrogate, alpha,
                 grad_current, grad_state):
    """The gradients of `current` and `state` from those of the spikes and of the last membrane (empty if that is 0)."""
    steps, dtype = len(grad_spikes), grad_spikes.dtype
    constant = len(current) < steps
    charged, membrane, slopes, spare = np.empty((steps, WIDTH), dtype), np.empty(WIDTH, dtype), np.empty(WIDTH, dtype), np.empty(WIDTH, dtype)
    for first in range(start, stop, WIDTH):
        last = min(first + WIDTH, stop)
        v, slope, share, gv = membrane[:last - first], slopes[:last - first], spare[:last - first], grad_state[first:last]
        _begin(state[first:last], reset, v)
        for t in range(steps):
            _step(current[t % len(current), first:last], decay_input, soft, tau, threshold, reset, v, charged[t, :last - first])
        _begin(grad_membrane[first:last], dtype.type(0), gv)
        if constant:
            grad_current[0, first:last] = dtype.type(0)
        for t in range(steps - 1, -1, -1):
            h, gx = charged[t, :last - first], grad_current[t % len(current), first:last]
            _slope(h, threshold, surrogate, alpha, slope)
            _back(h, slope, grad_spikes[t, first:last], decay_input, soft, detach, tau, threshold, reset, gv, share if constant else gx)
            if constant:
                for i in range(len(gx)):
                    gx[i] += share[i]


@kernel(reorder=False)
def _begin(given, usual, out):
    """A copy of what is given, or the usual value everywhere if that is empty."""
    for i in range(len(out)):
        out[i] = given[i] if len(given) else usual


@kernel(reorder=False)
def _step(x, decay_input, soft, tau, threshold, reset, v, h):
    """Charge: `h`; fire and reset: `v`."""
    zero, one = v.dtype.type(0), v.dtype.type(1)
    for i in range(len(v)):
        over = v[i] - reset
        h[i] = v[i] + np.divide(x[i] - over, tau) if decay_input else v[i] - np.divide(over, tau) + x[i]
        z = one if h[i] >= threshold else zero
        v[i] = h[i] - z * threshold if soft else (one - z) * h[i] + z * reset


@kernel(reorder=False)
def _back(h, slope, gz, decay_input, soft, detach, tau, threshold, reset, gv, gx):
    """`_step` backwards: `gv` goes from the gradient of the membrane after it to that before it, `gx` becomes that of the current."""
    zero, one = gv.dtype.type(0), gv.dtype.type(1)
    for i in range(len(h)):
        kept = one if soft or h[i] < threshold else zero
        by_spike = -threshold if soft else reset - h[i]
        g = gz[i] if detach else gz[i] + gv[i] * by_spike
        g = g * slope[i] + gv[i] * kept
        leak = np.divide(g, tau)
        gv[i] = g - leak
        gx[i] = leak if decay_input else g


@kernel(reorder=False)
def _slope(h, threshold, surrogate, alpha, out):
    """The surrogate's derivative at h - threshold."""
    zero, one, two = out.dtype.type(0), out.dtype.type(1), out.dtype.type(2)
    if surrogate == ATAN:
        half, scale = alpha / two, alpha / two * out.dtype.type(np.pi)
        for i in range(len(h)):
            y = (h[i] - threshold) * scale
            out[i] = np.divide(half, one + y * y)
    elif surrogate == SIGMOID:
        for i in range(len(h)):
            e = _exp(-abs(h[i] - threshold) * alpha)
            out[i] = np.divide(alpha * e, (1.0 + e) * (1.0 + e))
    else:
        for i in range(len(h)):
            out[i] = max(alpha - alpha * alpha * abs(h[i] - threshold), zero)


@kernel(reorder=False)
def _exp(x):
    """e^x for x <= 0, as (e^(x / 1024))^1024: products alone become vector instructions, a call of the C library does not."""
    x = max(x, -100.0) / 1024.0
    y = 1.0
    for n in range(9, 0, -1):
        y = 1.0 + x * y * (1.0 / n)
    for _ in range(10):
        y *= y
    return y
