"""One door to numba: a typed decorator, so that strict typing sees the function that it wraps.

Kernels are compiled once per machine (the cache lies beside the source), release the interpreter
lock and may reorder floating-point sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile `function` with numba; same signature."""
    return cast(Function, njit(cache=True, fastmath=True, nogil=True)(function))
