"""A graph under construction: nodes and initializers named after the checkpoint.

``with builder.scope("self_attn")`` names what is emitted inside: the node ``MatMulNBits`` becomes
``/model/layers.0/self_attn/q_proj/MatMulNBits`` and the weight ``weight`` becomes
``model.layers.0.self_attn.q_proj.weight``. Edges are passed as ``ir.Value``, never as names.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from onnx_export.weights import Weight, Weights

MICROSOFT = "com.microsoft"
_OPSETS = {"": 23, MICROSOFT: 1}
_IR_VERSION = 11

Attribute = int | float | str
Array = NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.int32] | NDArray[np.int64]


class GraphBuilder:
    """Collects nodes in order; an initializer's name given twice yields the same initializer."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._scopes: list[str] = []
        self._nodes: list[ir.Node] = []
        self._inputs: list[ir.Value] = []
        self._outputs: list[ir.Value] = []
        self._initializers: dict[str, ir.Value] = {}
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
        """Return a float32 weight of the current scope, as the checkpoint has it."""
        return self.stored(self.weights.find(self.path(name), shape))

    def stored(self, weight: Weight) -> ir.Value:
        """Return a weight as an initializer of its own name."""
        return self.lazy(weight.name, ir.DataType.FLOAT, weight.shape, weight.read)

    def lazy(
        self, name: str, dtype: ir.DataType, shape: tuple[int, ...], make: Callable[[], Array]
    ) -> ir.Value:
        """Return an initializer whose content is made when it is written; ``name`` is absolute."""
        if name not in self._initializers:
            value = _typed(name, dtype, shape)
            value.const_value = ir.LazyTensor(
                lambda: ir.Tensor(np.ascontiguousarray(make()), name=name),
                dtype=dtype,
                shape=ir.Shape(shape),
                name=name,
            )
            self._initializers[name] = value
        return self._initializers[name]

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

    def build(self, name: str, producer_version: str) -> ir.Model:
        """Return the model. The builder must not be used afterwards."""
        graph = ir.Graph(
            self._inputs,
            self._outputs,
            nodes=self._nodes,
            initializers=list(self._initializers.values()),
            opset_imports=dict(_OPSETS),
            name=name,
        )
        return ir.Model(
            graph,
            ir_version=_IR_VERSION,
            producer_name="coder-lsp-export",
            producer_version=producer_version,
        )

    def _unique(self, name: str) -> str:
        self._names[name] += 1
        count = self._names[name]
        return name if count == 1 else f"{name}_{count - 1}"


def _typed(name: str, dtype: ir.DataType, shape: Sequence[int | str]) -> ir.Value:
    return ir.Value(name=name, type=ir.TensorType(dtype), shape=ir.Shape(shape))
