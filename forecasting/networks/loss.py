"""What training lessens: the pinball loss of a network's answers.

References:
    Koenker and Bassett, "Regression Quantiles", Econometrica 46(1), 1978.
"""

from __future__ import annotations

import torch
from torch import Tensor

from forecasting.networks.batches import Batch
from forecasting.networks.network import QuantileNetwork


def loss_sum(network: QuantileNetwork, batch: Batch) -> Tensor:
    """Pinball loss summed over a batch, each interval by its weight.

    On CUDA the network runs in bfloat16, the loss in float32; on the CPU all is float32.
    """
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=batch.history.is_cuda):
        raw = network(batch.history, batch.future, batch.series)  # (batch, periods, levels)
    values = batch.core.unsqueeze(-1) + batch.scale.unsqueeze(-1) * raw.float()
    return pinball_sum(values, batch.target, batch.weight, torch.tensor(network.shape.levels, device=values.device))


def pinball_sum(values: Tensor, target: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
    """Weighted sum of the mean pinball loss of (batch, periods, levels) against (batch, periods); NaN must weigh 0."""
    error = torch.nan_to_num(target).unsqueeze(-1) - values  # (batch, periods, levels)
    loss = torch.maximum(levels * error, (levels - 1.0) * error).mean(dim=-1)  # (batch, periods)
    return (loss * weight).sum()
