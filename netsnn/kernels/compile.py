"""How kernels are compiled: cached on disk where that is possible, in memory where it is not."""

import numba

__all__ = ["kernel"]


def kernel(function=None, *, reorder: bool = True, inner: bool = False):
    """Compile `function` without the GIL; `reorder` lets the compiler re-associate sums (faster, 1 ulp).

    `inner` makes it a part of each kernel that calls it. Sums that may be re-associated need that: a function of its own is compiled twice, alone and with its
    caller, to different last bits; and which of the two is called depends on whether they come from the cache.

    The machine code is cached beside the source, or in the user's cache folder if the installation is
    read-only. Where neither can be written, kernels still work, compiled anew in each process.
    """
    if function is None:
        return lambda f: kernel(f, reorder=reorder, inner=inner)
    options: dict = {"nogil": True, "forceinline": inner, "fastmath": {"contract", "reassoc", "nsz"} if reorder else False}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder to cache in
        return numba.njit(**options)(function)
