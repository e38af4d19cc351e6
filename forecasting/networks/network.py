"""The network: known-future features of each hour ask the past by attention, a head answers in quantiles.

One network serves all series of a kind. It speaks of what a simple core leaves over, in units of the window's own
spread, and starts as the core itself: its head begins at zero weights and the empirical quantiles of the core's errors.
A history holds some hundred days, which a wide network knows by heart: so the past is read into narrow states, a step
of training shows half of its windows no past at all, and what is known ahead is shown with noise.

References:
    Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997.
    Lim et al., "Temporal Fusion Transformers for interpretable multi-horizon time series forecasting",
    Int. J. Forecasting 37(4), 2021 (attention from known-future inputs over an LSTM's states).
    Bishop, "Training with Noise is Equivalent to Tikhonov Regularization", Neural Computation 7(1), 1995.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from forecasting.networks.encoders import Encoder, make_encoder

_OUTERMOST = 0.01
"""Features are cut at these quantiles of what training shows: as little as trees shall a network go on beyond them."""


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """What a network is made of; kept in the model's manifest.

    Attributes:
        hidden: Width of what it thinks of each hour ahead.
        memory: Width of the states of the past.
        noise: Added to standardised features of each hour ahead in training.
        forgotten: Share of windows that a step of training shows no past.
    """

    history_features: int
    future_features: int
    series: int
    levels: tuple[float, ...]
    hidden: int = 64
    memory: int = 16
    heads: int = 4
    embedding: int = 4
    dropout: float = 0.1
    noise: float = 0.3
    forgotten: float = 0.5
    encoder: Encoder = "lstm"

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "levels": list(self.levels)}


class QuantileNetwork(nn.Module):
    """Quantiles of the core's error, in units of the window's spread; they never cross, by construction."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        hidden, memory = shape.hidden, shape.memory
        if 0.5 not in shape.levels:
            raise ValueError(f"levels must hold 0.5, got {shape.levels}")
        self.shape = shape
        self.middle = shape.levels.index(0.5)
        self.mean: Tensor
        self.spread: Tensor
        self.low: Tensor
        self.high: Tensor
        for name, value in {"mean": 0.0, "spread": 1.0, "low": -10.0, "high": 10.0}.items():
            self.register_buffer(name, torch.full((shape.future_features,), value))
        self.series = nn.Embedding(shape.series, shape.embedding)
        self.patch = nn.Linear(shape.history_features, memory)
        self.encoder = make_encoder(shape.encoder, hidden=memory, dropout=shape.dropout)
        self.hour = nn.Sequential(
            nn.Linear(shape.future_features + shape.embedding, hidden), nn.GELU(), nn.Dropout(shape.dropout)
        )
        self.question = nn.Linear(hidden, memory)
        self.attention = nn.MultiheadAttention(memory, shape.heads, batch_first=True)
        self.answer = nn.Linear(memory, hidden)
        self.forget = nn.Dropout(shape.forgotten)
        self.decoder = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(shape.dropout))
        self.head = nn.Linear(hidden, len(shape.levels))
        nn.init.normal_(self.series.weight, std=0.1)
        nn.init.zeros_(self.head.weight)

    def standardise(self, future: Tensor) -> None:
        """Read features of the hours ahead in units of what some windows are shown, (..., future features)."""
        shown = torch.where(future.isfinite(), future, torch.nan).reshape(-1, future.shape[-1]).double()
        low, high = (shown.nanquantile(level, dim=0).nan_to_num(0.0) for level in (_OUTERMOST, 1.0 - _OUTERMOST))
        shown = shown.clamp(low, high)
        mean = shown.nanmean(dim=0).nan_to_num(0.0)
        spread = (shown - mean).square().nanmean(dim=0).nan_to_num(1.0).sqrt().clamp_min(1e-3)
        with torch.no_grad():
            for name, value in {"mean": mean, "spread": spread, "low": low, "high": high}.items():
                self.get_buffer(name).copy_(value)

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
            future: (batch, periods, future features), NaN or infinite where unknown.
            series: (batch,)

        Returns:
            (batch, periods, levels), non-decreasing along levels.
        """
        hours, states = self._read(history, future, series)
        answer, _ = self.attention(self.question(hours), states, states, need_weights=False)  # (batch, periods, memory)
        kept = self.forget(torch.ones_like(answer[:, :1, :1]))  # (batch, 1, 1)
        raw = self.head(self.decoder(hours + kept * self.answer(answer)))  # (batch, periods, levels)
        return self._ordered(raw)

    def attended(self, history: Tensor, future: Tensor, series: Tensor) -> Tensor:
        """How much each interval's question looks at each patch of the past, (batch, periods, patches), summing to one.

        Arguments as of :meth:`forward`.
        """
        hours, states = self._read(history, future, series)
        _, weights = self.attention(self.question(hours), states, states, need_weights=True)
        return torch.as_tensor(weights)

    def _read(self, history: Tensor, future: Tensor, series: Tensor) -> tuple[Tensor, Tensor]:
        """What is thought of each hour, (batch, periods, hidden), and states of the past, (batch, patches, memory)."""
        encoded = self.encoder(self.patch(history))
        states = encoded[0] if isinstance(encoded, tuple) else encoded  # (batch, patches, memory)
        shown = ((future.clamp(self.low, self.high) - self.mean) / self.spread).nan_to_num(0.0)
        if self.training:
            shown = shown + self.shape.noise * torch.randn_like(shown)
        who = self.series(series).unsqueeze(1).expand(-1, future.shape[1], -1)  # (batch, periods, embedding)
        return self.hour(torch.cat([shown, who], dim=-1)), states

    def _ordered(self, raw: Tensor) -> Tensor:
        """The median plus positive steps away from it, (batch, periods, levels)."""
        median = raw[..., self.middle : self.middle + 1]  # (batch, periods, 1)
        above = nn.functional.softplus(raw[..., self.middle + 1 :]).cumsum(dim=-1)
        below = nn.functional.softplus(raw[..., : self.middle]).flip(-1).cumsum(dim=-1).flip(-1)
        return torch.cat([median - below, median, median + above], dim=-1)
