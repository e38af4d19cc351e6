"""How a network may read the past: by an LSTM, by convolutions that widen, or by attention of the past to itself.

Each turns (batch, patches, hidden) into states of the same shape, in which a patch knows only those before it.

References:
    Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997.
    Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
    Modeling", arXiv:1803.01271, 2018 (the temporal convolutional network).
    Vaswani et al., "Attention Is All You Need", NeurIPS 2017.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Encoder = Literal["lstm", "tcn", "attention"]
_DILATIONS = (1, 2, 4, 8)
_KERNEL = 3
_HEADS, _LAYERS = 4, 2
_MOST_PATCHES = 64


def make_encoder(kind: Encoder, *, hidden: int, dropout: float) -> nn.Module:
    """An encoder by its name.

    Raises:
        ValueError: If there is none of that name.
    """
    match kind:
        case "lstm":
            return nn.LSTM(hidden, hidden, batch_first=True)
        case "tcn":
            return TemporalConvolution(hidden=hidden, dropout=dropout)
        case "attention":
            return SelfAttention(hidden=hidden, dropout=dropout)
    raise ValueError(f"encoder must be lstm, tcn or attention, got {kind!r}")


class TemporalConvolution(nn.Module):
    """Causal convolutions, each seeing twice as far back as the one before, added to what they are shown."""

    def __init__(self, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(hidden, hidden, _KERNEL, dilation=wide) for wide in _DILATIONS)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in _DILATIONS)
        self.drop = nn.Dropout(dropout)

    def forward(self, patches: Tensor) -> Tensor:
        """(batch, patches, hidden) to the same."""
        states = patches
        for wide, layer, norm in zip(_DILATIONS, self.layers, self.norms, strict=True):
            past = nn.functional.pad(states.transpose(1, 2), ((_KERNEL - 1) * wide, 0))  # (batch, hidden, more)
            told = nn.functional.gelu(layer(past).transpose(1, 2))  # (batch, patches, hidden)
            states = norm(states + self.drop(told))
        return states


class SelfAttention(nn.Module):
    """Patches ask the patches before them; where each stands is learnt."""

    def __init__(self, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(_MOST_PATCHES, hidden) * 0.02)
        layer = nn.TransformerEncoderLayer(
            hidden, _HEADS, dim_feedforward=2 * hidden, dropout=dropout, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, _LAYERS, enable_nested_tensor=False)

    def forward(self, patches: Tensor) -> Tensor:
        """(batch, patches, hidden) to the same; at most 64 patches."""
        count = patches.shape[1]
        later = torch.ones(count, count, dtype=torch.bool, device=patches.device).triu(1)
        states: Tensor = self.layers(patches + self.place[-count:], mask=later)
        return states
