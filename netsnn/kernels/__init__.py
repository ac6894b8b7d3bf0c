"""The compiled inner loops and nothing else: plain arrays in, plain arrays out.

Kernels are numba functions that release the GIL, so that the callers' thread pool runs them side by side.
Indices go in as unsigned integers: numba then emits no code for Python's negative indices, which would
cost as much as the loop itself.
"""
