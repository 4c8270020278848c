"""What ``bench decode`` says of its readings."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.decode.ours import OurModel
from bench.decode.rounds import DECODING, Plan, Readings
from bench.llama_server import llama_server_environment
from bench.process_memory import peak_rss_bytes

SIDE, SMALL, PEER, PEER_SMALL = "ours", "ours, small cut", "peer", "peer, small cut"


@dataclass(frozen=True, slots=True)
class Measurement:
    """All that was read. ``ours`` is the model, and perhaps a smaller cut of it; so ``peers``."""

    plan: Plan
    readings: Readings
    ours: Sequence[OurModel]
    peers: Sequence[Path]
    peer_version: str | None
    num_threads: int


def describe(measured: Measurement) -> dict[str, Any]:
    """Return the report. A ratio says how many times faster ours is; medians of the rounds."""
    model = measured.ours[0]
    manifest = model.manifest
    return {
        "model": manifest.name,
        "layers": manifest.architecture.num_hidden_layers,
        "precision": manifest.precision,
        "provider": model.provider,
        "threads": measured.num_threads,
        "rounds": measured.plan.rounds,
        "load_seconds": round(model.load_seconds, 2),
        **_readings(measured, SIDE),
        **_layer_cost(measured, SIDE, SMALL),
        "bits_per_weight": round(8 * model.weight_bytes / _num_parameters(measured), 3),
        "cache_bytes_per_token": model.cache_bytes_per_token,
        "peak_rss_bytes": peak_rss_bytes(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "peer": _peer(measured) if measured.peers else None,
        "ratio": _ratios(measured) if measured.peers else None,
    }


def _peer(measured: Measurement) -> dict[str, Any]:
    weight_bytes = measured.peers[0].stat().st_size
    return {
        "name": "llama-server",
        "version": measured.peer_version,
        "environment": llama_server_environment(),
        "model": measured.peers[0].name,
        **_readings(measured, PEER),
        **_layer_cost(measured, PEER, PEER_SMALL),
        "bits_per_weight": round(8 * weight_bytes / _num_parameters(measured), 3),
    }


def _readings(measured: Measurement, side: str) -> dict[str, list[dict[str, Any]]]:
    prefill, decode = [], []
    for past in measured.plan.pasts:
        for width in measured.plan.widths:
            ms = measured.readings.median(side, (past, width))
            prefill.append(
                {
                    "past": past,
                    "new_tokens": width,
                    "milliseconds": round(ms, 2),
                    "tokens_per_second": round(1000 * width / ms, 2),
                }
            )
        ms = measured.readings.median(side, (past, DECODING))
        decode.append(
            {
                "past": past,
                "milliseconds": round(ms, 2),
                "tokens_per_second": round(1000 / ms, 2),
            }
        )
    return {"prefill": prefill, "decode": decode}


def _layer_cost(measured: Measurement, side: str, small: str) -> dict[str, float | None]:
    """Return what a layer and what the rest costs of a token decoded after the shortest past."""
    num_layers = _num_layers_between(measured)
    if num_layers is None:
        return {"milliseconds_per_layer": None, "milliseconds_lm_head": None}
    point = (min(measured.plan.pasts), DECODING)
    layer_ms = median(measured.readings.difference(side, small, point)) / num_layers
    small_layers = measured.ours[1].manifest.architecture.num_hidden_layers
    rest_ms = measured.readings.median(small, point) - small_layers * layer_ms
    return {
        "milliseconds_per_layer": round(layer_ms, 3),
        "milliseconds_lm_head": round(rest_ms, 3),
    }


def _ratios(measured: Measurement) -> list[dict[str, Any]]:
    """Return how many times faster ours is, at each point: as a whole, and by the layer."""
    readings, num_layers = measured.readings, _num_layers_between(measured)
    rows = []
    for past in measured.plan.pasts:
        for width in (*measured.plan.widths, DECODING):
            point = (past, width)
            row: dict[str, Any] = {
                "past": past,
                "new_tokens": width or "decode",
                "whole": round(readings.ratio(SIDE, PEER, point), 3),
            }
            if num_layers is not None:
                theirs = readings.difference(PEER, PEER_SMALL, point)
                ours = readings.difference(SIDE, SMALL, point)
                row["layer_ms"] = round(median(ours) / num_layers, 3)
                row["peer_layer_ms"] = round(median(theirs) / num_layers, 3)
                row["layer"] = round(median(b / a for a, b in zip(ours, theirs, strict=True)), 3)
            rows.append(row)
    return rows


def _num_layers_between(measured: Measurement) -> int | None:
    if len(measured.ours) < 2:
        return None
    many, few = (m.manifest.architecture.num_hidden_layers for m in measured.ours)
    return many - few


def _num_parameters(measured: Measurement) -> int:
    return measured.ours[0].manifest.source.num_parameters
