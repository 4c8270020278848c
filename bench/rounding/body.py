"""How many bits the file holds for each weight of a model's layers."""

import math

import onnx_ir as ir

_INTEGERS = {"MatMulNBits": (1,), "QMoE": (2, 5)}
"""Where each operator takes the integers of its weights."""


def bits_per_weight(model: ir.Model) -> float:
    """Return the bits of all linear layers, scales and zero points included.

    Embedding and output layer are not among them. Norms, biases and gates are in floats and few.
    """
    bits = num_weights = 0
    for node in model.graph:
        if node.op_type not in _INTEGERS or "/layers." not in str(node.name):
            continue
        stored = [_stored(value) for value in node.inputs if value is not None]
        bits += sum(8 * tensor.nbytes for tensor in stored if tensor is not None)
        num_weights += sum(_num_weights(node, i) for i in _INTEGERS[node.op_type])
    return bits / num_weights


def _num_weights(node: ir.Node, place: int) -> int:
    integers = node.inputs[place]
    assert integers is not None
    assert integers.shape is not None
    name = "bits" if node.op_type == "MatMulNBits" else "expert_weight_bits"
    return math.prod(integers.shape.numpy()) * 8 // node.attributes[name].as_int()


def _stored(value: ir.Value) -> ir.TensorProtocol | None:
    """Return the initializer behind a value, also where a cast is between."""
    producer = value.producer()
    if producer is not None and producer.op_type == "Cast" and producer.inputs[0] is not None:
        return producer.inputs[0].const_value
    return value.const_value
