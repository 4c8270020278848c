"""How large a model will be, estimated from its numbers of parameters."""

from coder_lsp.install.export_process import Precision

_BITS: dict[Precision, float] = {"int4": 5.3, "int8": 9.0, "fp16": 16.0, "fp32": 32.0, "keep": 9.0}
"""Bits of a weight with its scales, and with what has more bits than the rest: rounded up."""
_TABLE_BITS: dict[Precision, float] = {**_BITS, "int4": 8.5}
"""The same of the embedding and the output layer."""

_NUM_SEQUENCES = 2
_WORKSPACE_BYTES = 256 << 20


def installed_bytes(num_parameters: int, table_parameters: int, precision: Precision) -> int:
    """Return the size of an installed model.

    ``table_parameters`` are those of embedding and output layer among all parameters.
    """
    tables = min(table_parameters, num_parameters)
    rest = num_parameters - tables
    return int((tables * _TABLE_BITS[precision] + rest * _BITS[precision]) / 8)


def memory_bytes(disk_bytes: int, cache_bytes_per_token: int, context_tokens: int) -> int:
    """Return what a model takes in memory while it completes in one document."""
    cache = _NUM_SEQUENCES * cache_bytes_per_token * context_tokens
    return disk_bytes + cache + _WORKSPACE_BYTES
