"""Maximum likelihood of discrete power laws, for every cut-off at once and many samples."""

import numpy as np

from netsnn.kernels.compile import kernel


@kernel(reorder=False)
def hurwitz(s, q):
    """Hurwitz's zeta, sum for k >= 0 of (q + k)^-s, s > 1 (Euler-Maclaurin: relative error below 1e-11 up to s = 20)."""
    total, a = 0.0, q
    while a < 16.0:
        total += a ** -s
        a += 1.0
    power = a ** -s
    total += power * a / (s - 1.0) + power / 2.0
    term = s * power / a
    total += term / 12.0
    term *= (s + 1.0) * (s + 2.0) / (a * a)
    total -= term / 720.0
    term *= (s + 3.0) * (s + 4.0) / (a * a)
    total += term / 30240.0
    term *= (s + 5.0) * (s + 6.0) / (a * a)
    return total - term / 1209600.0


@kernel(reorder=False)
def best_exponent(mean_log, low, most):
    """The exponent of largest likelihood, -ln zeta(s, low) - s mean_log, in 1 < s <= most (golden section; it is concave)."""
    ratio = 0.6180339887498949
    a, b = 1.0 + 1e-6, most
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    fc = -np.log(hurwitz(c, low)) - c * mean_log
    fd = -np.log(hurwitz(d, low)) - d * mean_log
    while b - a > 1e-9:
        if fc > fd:
            b, d, fd = d, c, fc
            c = b - ratio * (b - a)
            fc = -np.log(hurwitz(c, low)) - c * mean_log
        else:
            a, c, fc = c, d, fd
            d = a + ratio * (b - a)
            fd = -np.log(hurwitz(d, low)) - d * mean_log
    return (a + b) / 2.0


@kernel(reorder=False)
def fit_tail(values, counts, most, given, out):
    """The power law of the tail that starts at the cut-off of least Kolmogorov-Smirnov distance.

    `values` (ascending, from 1) occur `counts` times. out = exponent, cut-off, distance, how many values lie in the tail. The distance
    is the largest gap of the two distribution functions over all whole numbers, at least two distinct values above the cut-off
    being left. With `given` > 0 that is the cut-off (no value lies below it).
    """
    n = len(values)
    out[0], out[1], out[2], out[3] = np.nan, np.nan, np.inf, 0.0
    logs = np.log(values)
    size, total_log = 0.0, 0.0
    for i in range(n):
        size += counts[i]
        total_log += counts[i] * logs[i]
    for start in range(min(1, n - 1) if given > 0 else n - 1):
        low = given if given > 0 else values[start]
        exponent = best_exponent(total_log / size, low, most)
        norm = hurwitz(exponent, low)
        distance, below, theory, x = 0.0, 0.0, 0.0, low
        for i in range(start, n):
            # theory = P(X < x), stepped to values[i]
            gap = values[i] - x
            if gap <= 16.0:
                while x < values[i]:
                    theory += x ** -exponent / norm
                    x += 1.0
            else:
                x = values[i]
                theory = 1.0 - hurwitz(exponent, x) / norm
            distance = max(distance, abs(below - theory))  # just before this value
            below += counts[i] / size
            theory += x ** -exponent / norm
            x += 1.0
            distance = max(distance, abs(below - theory))
        if distance < out[2]:
            out[0], out[1], out[2], out[3] = exponent, low, distance, size
        size -= counts[start]
        total_log -= counts[start] * logs[start]
