"""The network: an encoder reads the past, known-future covariates ask it by attention, a head answers in quantiles.

One network serves all series of a kind. It speaks of what a simple core leaves over, in units of the window's own
spread, and starts as the core itself: its head begins at zero weights and the empirical quantiles of the core's errors.

References:
    Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997.
    Lim et al., "Temporal Fusion Transformers for interpretable multi-horizon time series forecasting",
    Int. J. Forecasting 37(4), 2021 (attention from known-future inputs over an LSTM's states).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from forecasting.networks.encoders import Encoder, make_encoder


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """What a network is made of; kept in the model's manifest."""

    history_features: int
    future_features: int
    series: int
    levels: tuple[float, ...]
    hidden: int = 32
    heads: int = 4
    embedding: int = 8
    dropout: float = 0.3
    encoder: Encoder = "lstm"

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "levels": list(self.levels)}


class QuantileNetwork(nn.Module):
    """Quantiles of the core's error, in units of the window's spread; they never cross, by construction."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        hidden, heads = shape.hidden, shape.heads
        if 0.5 not in shape.levels:
            raise ValueError(f"levels must hold 0.5, got {shape.levels}")
        self.shape = shape
        self.middle = shape.levels.index(0.5)
        self.series = nn.Embedding(shape.series, shape.embedding)
        self.patch = nn.Linear(shape.history_features + shape.embedding, hidden)
        self.encoder = make_encoder(shape.encoder, hidden=hidden, dropout=shape.dropout)
        self.query = nn.Sequential(
            nn.Linear(shape.future_features + shape.embedding + hidden, hidden), nn.GELU(), nn.Linear(hidden, hidden)
        )
        self.attention = nn.MultiheadAttention(hidden, heads, batch_first=True)
        self.norm = nn.LayerNorm(hidden)
        self.decoder = nn.Sequential(
            nn.Linear(hidden, 2 * hidden), nn.GELU(), nn.Dropout(shape.dropout), nn.Linear(2 * hidden, hidden)
        )
        self.head = nn.Linear(hidden, len(shape.levels))
        self.skip = nn.Linear(shape.future_features, 1, bias=False)
        nn.init.normal_(self.series.weight, std=0.1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.skip.weight)

    def start_at(self, quantiles: Tensor) -> None:
        """Make the untrained network answer ``quantiles`` (levels,), increasing, whatever it is shown."""
        steps = torch.diff(quantiles).clamp_min(1e-3)
        raw = torch.log(torch.expm1(steps))  # the inverse of softplus
        with torch.no_grad():
            self.head.bias.copy_(
                torch.cat([raw[: self.middle], quantiles[self.middle : self.middle + 1], raw[self.middle :]])
            )

    def forward(self, history: Tensor, future: Tensor, series: Tensor) -> Tensor:
        """Quantiles of the core's error.

        Args:
            history: (batch, patches, history features)
            future: (batch, periods, future features)
            series: (batch,)

        Returns:
            (batch, periods, levels), non-decreasing along levels.
        """
        query, states = self._question(history, future, series)
        answer, _ = self.attention(query, states, states, need_weights=False)  # (batch, periods, hidden)
        mixed = self.norm(query + answer)
        raw = self.head(mixed + self.decoder(mixed))  # (batch, periods, levels)
        return self._ordered(raw, self.skip(future))

    def attended(self, history: Tensor, future: Tensor, series: Tensor) -> Tensor:
        """How much each interval's question looks at each patch of the past, (batch, periods, patches), summing to one.

        Arguments as of :meth:`forward`.
        """
        query, states = self._question(history, future, series)
        _, weights = self.attention(query, states, states, need_weights=True)
        return torch.as_tensor(weights)

    def _question(self, history: Tensor, future: Tensor, series: Tensor) -> tuple[Tensor, Tensor]:
        """What each interval asks, (batch, periods, hidden), and the states of the past, (batch, patches, hidden)."""
        who = self.series(series).unsqueeze(1)  # (batch, 1, embedding)
        patches = torch.cat([history, who.expand(-1, history.shape[1], -1)], dim=-1)
        encoded = self.encoder(self.patch(patches))
        states = encoded[0] if isinstance(encoded, tuple) else encoded  # (batch, patches, hidden)
        periods = future.shape[1]
        asked = torch.cat(
            [future, who.expand(-1, periods, -1), states[:, -1:].expand(-1, periods, -1)], dim=-1
        )  # (batch, periods, future features + embedding + hidden)
        return self.query(asked), states

    def _ordered(self, raw: Tensor, shift: Tensor) -> Tensor:
        """The median plus positive steps away from it, (batch, periods, levels)."""
        median = raw[..., self.middle : self.middle + 1] + shift  # (batch, periods, 1)
        above = nn.functional.softplus(raw[..., self.middle + 1 :]).cumsum(dim=-1)
        below = nn.functional.softplus(raw[..., : self.middle]).flip(-1).cumsum(dim=-1).flip(-1)
        return torch.cat([median - below, median, median + above], dim=-1)
