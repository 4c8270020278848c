"""A graph under construction: nodes and initializers named after the checkpoint.

``with builder.scope("self_attn")`` names what is emitted inside: the node ``MatMulNBits`` becomes
``/model/layers.0/self_attn/q_proj/MatMulNBits`` and the weight ``weight`` becomes
``model.layers.0.self_attn.q_proj.weight``. Edges are passed as ``ir.Value``, never as names.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from onnx_export.finite import require_finite
from onnx_export.float_types import SINGLE, FloatTypes
from onnx_export.segments import Array, PlacedSegment, Segment, StoredTensor, place
from onnx_export.weights import Weight, Weights

MICROSOFT = "com.microsoft"
_OPSETS = {"": 23, MICROSOFT: 1}
_IR_VERSION = 11

WEIGHTS_NAME = "model.onnx.data"

Attribute = int | float | str


@dataclass(frozen=True, slots=True)
class ExportGraph:
    """A model whose weights are not made yet: its initializers refer to ``WEIGHTS_NAME``."""

    model: ir.Model
    segments: tuple[PlacedSegment, ...]

    @property
    def graph(self) -> ir.Graph:
        """The graph itself."""
        return self.model.graph

    @property
    def weights_size(self) -> int:
        """Bytes of the weights file."""
        return self.segments[-1].end if self.segments else 0


class GraphBuilder:
    """Collects nodes in order; an initializer's name given twice yields the same initializer."""

    def __init__(self, weights: Weights, float_types: FloatTypes = SINGLE) -> None:
        self.weights = weights
        self.activations = float_types.activations
        self._storage = float_types.storage
        self._scopes: list[str] = []
        self._nodes: list[ir.Node] = []
        self._inputs: list[ir.Value] = []
        self._outputs: list[ir.Value] = []
        self._initializers: dict[str, ir.Value] = {}
        self._segments: list[Segment] = []
        self._names: Counter[str] = Counter()

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Name what is emitted inside."""
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def path(self, name: str) -> str:
        """Return a checkpoint name within the current scope."""
        return ".".join([*self._scopes, name])

    def input(self, name: str, dtype: ir.DataType, shape: Sequence[int | str]) -> ir.Value:
        """Add a graph input; a string in ``shape`` names a dimension that may vary."""
        value = _typed(name, dtype, shape)
        self._inputs.append(value)
        return value

    def output(
        self, value: ir.Value, name: str, dtype: ir.DataType, shape: Sequence[int | str]
    ) -> None:
        """Make a value a graph output under ``name``."""
        value.name, value.type, value.shape = name, ir.TensorType(dtype), ir.Shape(shape)
        self._outputs.append(value)

    def op(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        attributes: Mapping[str, Attribute | Sequence[int]] | None = None,
        domain: str = "",
    ) -> ir.Value:
        """Emit a node with one output; None is an input left out."""
        return self.op_with_outputs(op_type, inputs, 1, attributes, domain)[0]

    def op_with_outputs(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        num_outputs: int,
        attributes: Mapping[str, Attribute | Sequence[int]] | None = None,
        domain: str = "",
    ) -> Sequence[ir.Value]:
        """Emit a node with several outputs."""
        name = self._unique("/" + "/".join([*self._scopes, op_type]))
        outputs = [ir.Value(name=f"{name}/output_{i}") for i in range(num_outputs)]
        self._nodes.append(
            ir.node(op_type, inputs, attributes, domain=domain, outputs=outputs, name=name)
        )
        return outputs

    def weight(self, name: str, shape: tuple[int, ...]) -> ir.Value:
        """Return a weight of the current scope in the activations' type."""
        return self.stored(self.weights.find(self.path(name), shape))

    def stored(self, weight: Weight) -> ir.Value:
        """Return a weight as an initializer of its own name, in the activations' type."""
        return self.stored_parts(weight.name, weight.shape, weight.slabs)

    def stored_parts(
        self,
        name: str,
        shape: tuple[int, ...],
        read: Callable[[], Iterable[NDArray[np.float32]]],
    ) -> ir.Value:
        """Return an initializer that ``read`` yields in parts, in the activations' type."""
        value = self.stored_as(name, shape, read, self._storage)
        return value if self._storage is self.activations else self.cast(value, self.activations)

    def stored_as(
        self,
        name: str,
        shape: tuple[int, ...],
        read: Callable[[], Iterable[NDArray[np.float32]]],
        dtype: ir.DataType,
    ) -> ir.Value:
        """Return an initializer that ``read`` yields in parts; ``name`` is absolute."""

        def make() -> Iterator[Array]:
            for part in read():
                # What is too large for the type becomes infinite, and is refused.
                with np.errstate(over="ignore"):
                    stored = part.astype(dtype.numpy(), copy=False)
                require_finite(name, stored)
                yield stored

        return self.stored_together([StoredTensor(name, dtype, shape)], make)[0]

    def stored_together(
        self, tensors: Sequence[StoredTensor], make: Callable[[], Iterator[Array]]
    ) -> Sequence[ir.Value]:
        """Return initializers whose contents come from one reading; see ``Segment``."""
        names = [tensor.name for tensor in tensors]
        if names[0] not in self._initializers:
            for tensor in tensors:
                self._initializers[tensor.name] = _typed(tensor.name, tensor.dtype, tensor.shape)
            self._segments.append(Segment(tuple(tensors), make))
        return [self._initializers[name] for name in names]

    def cast(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        """Return a value in another type."""
        return self.op("Cast", [value], {"to": int(dtype)})

    def to_float32(self, value: ir.Value) -> ir.Value:
        """Return a value of the activations' type in float32."""
        is_single = self.activations is ir.DataType.FLOAT
        return value if is_single else self.cast(value, ir.DataType.FLOAT)

    def from_float32(self, value: ir.Value) -> ir.Value:
        """Return a float32 value in the activations' type."""
        is_single = self.activations is ir.DataType.FLOAT
        return value if is_single else self.cast(value, self.activations)

    def constant(self, array: Array) -> ir.Value:
        """Return a small constant; equal ones are one initializer."""
        text = "_".join(map(str, array.ravel().tolist()))
        shape = "x".join(map(str, array.shape))
        return self.named_constant(f"constants.{array.dtype}[{shape}]{text}", array)

    def named_constant(self, name: str, array: Array) -> ir.Value:
        """Return a constant under a name of its own."""
        if name not in self._initializers:
            tensor = ir.Tensor(array, name=name)
            value = _typed(name, tensor.dtype, array.shape)
            value.const_value = tensor
            self._initializers[name] = value
        return self._initializers[name]

    def integers(self, *values: int) -> ir.Value:
        """Return a list of int64, such as a shape or axes."""
        return self.constant(np.array(values, np.int64))

    def build(self, name: str, producer_version: str) -> ExportGraph:
        """Return the model. The builder must not be used afterwards."""
        segments = place(self._segments)
        for placed in segments:
            for tensor, offset in zip(placed.segment.tensors, placed.offsets, strict=True):
                self._initializers[tensor.name].const_value = _in_weights_file(tensor, offset)
        graph = ir.Graph(
            self._inputs,
            self._outputs,
            nodes=self._nodes,
            initializers=list(self._initializers.values()),
            opset_imports=dict(_OPSETS),
            name=name,
        )
        model = ir.Model(
            graph,
            ir_version=_IR_VERSION,
            producer_name="coder-lsp-export",
            producer_version=producer_version,
        )
        return ExportGraph(model, segments)

    def _unique(self, name: str) -> str:
        self._names[name] += 1
        count = self._names[name]
        return name if count == 1 else f"{name}_{count - 1}"


def _typed(name: str, dtype: ir.DataType, shape: Sequence[int | str]) -> ir.Value:
    return ir.Value(name=name, type=ir.TensorType(dtype), shape=ir.Shape(shape))


def _in_weights_file(tensor: StoredTensor, offset: int) -> ir.ExternalTensor:
    return ir.ExternalTensor(
        WEIGHTS_NAME,
        offset,
        tensor.nbytes,
        tensor.dtype,
        shape=ir.Shape(tensor.shape),
        name=tensor.name,
    )
