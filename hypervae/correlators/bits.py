"""Bit operations for compiled kernels, which Numba does not offer by itself."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Number of the lowest set bit of a uint64 (64 for none).

    Parameters
    ----------
    typing_context : object
        Handed over by numba.
    word : numba type
        Of the argument.

    Returns
    -------
    signature, generator : object
        What numba compiles a call to: uint64 to uint64.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@intrinsic
def population_count(typing_context: Any, word: Any) -> Any:
    """How many bits of a uint64 are set.

    Parameters
    ----------
    typing_context : object
        Handed over by numba.
    word : numba type
        Of the argument.

    Returns
    -------
    signature, generator : object
        What numba compiles a call to: uint64 to uint64.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate
