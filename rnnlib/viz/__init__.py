"""Figures of the course: arrays in, Axes out, and ``show`` with a text for readers who cannot see them.

``from rnnlib import viz`` is all a lesson needs: ``ax = viz.loss_curve(...)``, then ``viz.show(ax, alt="...")``.
"""

from rnnlib.viz.plots import (
    attention_map,
    bars,
    cell_traces,
    gate_maps,
    gradient_flow,
    heat_map,
    loss_curve,
    sampling_table,
    table,
    unrolled,
)
from rnnlib.viz.show import COLOR, show, subplots, use

__all__ = [
    "COLOR",
    "attention_map",
    "bars",
    "cell_traces",
    "gate_maps",
    "gradient_flow",
    "heat_map",
    "loss_curve",
    "sampling_table",
    "show",
    "subplots",
    "table",
    "unrolled",
    "use",
]
