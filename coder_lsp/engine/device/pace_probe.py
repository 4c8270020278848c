"""How fast this machine multiplies by four-bit weights, measured in about two seconds.

A small graph of the kernel that takes nearly all of a model's time is written and run: with many
tokens, as in a prefill, and with one, as in decoding.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coder_lsp.engine.device.runtime import choose_num_threads, create_inference_session

_WIDTH = 2048
_NUM_LAYERS = 32
"""Each has its own copy of the weights in memory: together they exceed a processor's caches."""
_BLOCK = 32
_NUM_TOKENS = 128
_SECONDS = 0.6
_PREFILL_SHARE, _DECODE_SHARE = 0.75, 0.6
"""Share of a model's time that these products take; the rest is attention and small nodes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Weights per second in a prefill, and bytes of weights per second in decoding."""

    prefill_weights_per_second: float
    decode_bytes_per_second: float


def measure_pace(threads: int = 0) -> Pace:
    """Measure; ``threads`` is the setting. Raises ``RuntimeMissing`` and ``EngineError``."""
    num_threads = choose_num_threads(threads)
    with tempfile.TemporaryDirectory(prefix="coder-lsp-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "probe.onnx"
        path.write_bytes(_graph())
        session = create_inference_session(path, num_threads)
        prefill_seconds = _seconds_per_run(session, _NUM_TOKENS, num_threads)
        decode_seconds = _seconds_per_run(session, 1, num_threads)
        del session
    num_weights = _NUM_LAYERS * _WIDTH * _WIDTH
    bytes_per_weight = 0.5 + 4 / _BLOCK
    return Pace(
        _PREFILL_SHARE * num_weights * _NUM_TOKENS / prefill_seconds,
        _DECODE_SHARE * num_weights * bytes_per_weight / decode_seconds,
    )


def _seconds_per_run(session: Any, num_tokens: int, num_threads: int) -> float:
    tokens = np.ones((num_tokens, _WIDTH), np.float32)
    session.run(None, {"x0": tokens})
    seconds, start, used = list[float](), time.perf_counter(), time.process_time()
    while time.perf_counter() - start < _SECONDS or not seconds:
        began = time.perf_counter()
        session.run(None, {"x0": tokens})
        seconds.append(time.perf_counter() - began)
    # On a busy machine the threads wait for a processor most of the time: what they used of it is
    # nearer to what a user will see than the time that passed.
    used = (time.process_time() - used) / (num_threads * len(seconds))
    return min(*seconds, used) if used > 0 else min(seconds)


def _graph() -> bytes:
    """Return an ONNX model: a chain of ``MatMulNBits`` that share one constant.

    It is written by hand, field by field, because the server has no library that writes ONNX. The
    numbers are those of the fields in ``onnx.proto``.
    """
    weights = np.full((_WIDTH, _WIDTH // _BLOCK, _BLOCK // 2), 0x79, np.uint8)
    scales = np.full(_WIDTH * _WIDTH // _BLOCK, 1 / _WIDTH, np.float32)
    graph = b"".join(
        [
            *(_bytes(1, _node(f"x{i}", f"x{i + 1}")) for i in range(_NUM_LAYERS)),
            _bytes(2, b"pace"),
            _bytes(5, _tensor(b"weights", weights, _UINT8)),
            _bytes(5, _tensor(b"scales", scales, _FLOAT)),
            _bytes(11, _value("x0")),
            _bytes(12, _value(f"x{_NUM_LAYERS}")),
        ]
    )
    opsets = ((b"", 21), (_DOMAIN, 1))
    versions = b"".join(_bytes(8, _bytes(1, name) + _number(2, v)) for name, v in opsets)
    return _number(1, 10) + versions + _bytes(7, graph)


_DOMAIN = b"com.microsoft"
_FLOAT, _UINT8 = 1, 2
_INTEGER_ATTRIBUTE = 2


def _node(source: str, target: str) -> bytes:
    # With accuracy_level 4 activations are rounded to eight bits, as in the exporter's graphs.
    attributes = {"K": _WIDTH, "N": _WIDTH, "bits": 4, "block_size": _BLOCK, "accuracy_level": 4}
    return b"".join(
        [
            *(_bytes(1, name) for name in (source.encode(), b"weights", b"scales")),
            _bytes(2, target.encode()),
            _bytes(4, b"MatMulNBits"),
            *(
                _bytes(
                    5,
                    _bytes(1, name.encode()) + _number(3, value) + _number(20, _INTEGER_ATTRIBUTE),
                )
                for name, value in attributes.items()
            ),
            _bytes(7, _DOMAIN),
        ]
    )


def _tensor(name: bytes, values: Any, kind: int) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, kind) + _bytes(8, name) + _bytes(9, values.tobytes())


def _value(name: str) -> bytes:
    dimensions = _bytes(1, _bytes(2, b"tokens")) + _bytes(1, _number(1, _WIDTH))
    kind = _bytes(1, _number(1, _FLOAT) + _bytes(2, dimensions))
    return _bytes(1, name.encode()) + _bytes(2, kind)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
