"""Multi-head latent attention as one node over a cache in blocks, for GPUs.

ONNX Runtime's PagedAttention in its LATENT layout writes the new rows into the blocks, masks and
attends; the latent's first ``kv_lora_rank`` values are its values too. Only CUDA has a kernel for
it, and nothing here has run on one: the graph is checked for its types and shapes only.

Several sequences may be read in one run. Its tokens stand one sequence after another, and each has
a slot, ``block * block_size + row``, to which its row goes (-1: nowhere).
"""

from dataclasses import dataclass

import onnx_ir as ir

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.layers.latent_attention import (
    absorbed_query,
    cache_row,
    project_output,
    up_projections,
)
from onnx_export.layers.positions import Rotation, rotation
from onnx_export.quantization import QuantizationPlan
from onnx_export.rope import softmax_scale


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the tokens of a run stand; all but ``rotation`` are int32 inputs of the graph.

    ``cumulative_sequence_length`` ``[batch + 1]``: ends of the sequences among the run's tokens.
    ``past_seqlens`` ``[batch]``: tokens that each has in the cache. ``block_table``
    ``[batch, blocks]``: its blocks. ``slot_mapping`` ``[N]``. ``attention_metadata`` ``[2]``, in
    the CPU's memory: upper bounds of new tokens and of all tokens of a sequence.
    """

    rotation: Rotation
    cumulative_sequence_length: ir.Value
    past_seqlens: ir.Value
    block_table: ir.Value
    slot_mapping: ir.Value
    attention_metadata: ir.Value

    @classmethod
    def add_to(
        cls, builder: GraphBuilder, config: DeepseekV2Config, position_ids: ir.Value
    ) -> "Pages":
        """Make them inputs of the graph."""
        int32 = ir.DataType.INT32
        with builder.scope("positions"):
            rows = builder.op("Unsqueeze", [position_ids, builder.integers(1)])
            turned = rotation(builder, config, rows)
        return cls(
            turned,
            builder.input("cumulative_sequence_length", int32, ["batch_plus_one"]),
            builder.input("past_seqlens", int32, ["batch"]),
            builder.input("block_table", int32, ["batch", "blocks_of_sequence"]),
            builder.input("slot_mapping", int32, ["num_tokens"]),
            builder.input("attention_metadata", int32, [2]),
        )


def paged_latent_attention(
    builder: GraphBuilder,
    config: DeepseekV2Config,
    plan: QuantizationPlan,
    hidden: ir.Value,
    past: ir.Value,
    pages: Pages,
) -> tuple[ir.Value, ir.Value]:
    """Return the output ``[N, hidden]`` and the cache ``[blocks, block size, 1, width]``."""
    heads, latent = config.num_attention_heads, config.kv_lora_rank
    with builder.scope("self_attn"):
        weight_uk, weight_uv = up_projections(builder, config)
        query = absorbed_query(builder, config, plan, hidden, weight_uk, pages.rotation)
        query = builder.op("Transpose", [query], {"perm": [1, 0, 2]})
        query = builder.op("Reshape", [query, builder.integers(-1, heads * config.cache_width)])
        row = cache_row(builder, config, plan, hidden, pages.rotation)
        no_norms_or_scales = [None] * 5
        attended, present = builder.op_with_outputs(
            "PagedAttention",
            [
                *(query, row, None, past, None),
                *(pages.cumulative_sequence_length, pages.past_seqlens, pages.block_table),
                *(None, None, pages.slot_mapping, *no_norms_or_scales, pages.attention_metadata),
            ],
            2,
            {
                "num_heads": heads,
                "kv_num_heads": 1,
                "kv_cache_layout": "LATENT",
                "v_head_size": latent,
                "scale": softmax_scale(config),
            },
            MICROSOFT,
        )
        apart = builder.op("Reshape", [attended, builder.integers(-1, heads, latent)])
        mixed = builder.op("Transpose", [apart], {"perm": [1, 0, 2]})
        output = project_output(builder, config, plan, mixed, weight_uv)
    return output, present
