"""How networks read the past: shape, and that no patch knows a later one."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

from forecasting.networks.encoders import Encoder, make_encoder
from forecasting.networks.network import NetworkShape, QuantileNetwork

KINDS = get_args(Encoder)
CERTAIN: Any = {"dropout": 0.0, "noise": 0.0, "forgotten": 0.0}


def states_of(kind: Encoder, patches: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(0)
    told = make_encoder(kind, hidden=16, dropout=0.0).eval()(patches)
    return told[0] if isinstance(told, tuple) else told


@pytest.mark.parametrize("kind", KINDS)
def test_no_patch_knows_a_later_one(kind: Encoder) -> None:
    patches = torch.randn(2, 28, 16)
    later = patches.clone()
    later[:, 20:] += 1.0
    first, again = states_of(kind, patches), states_of(kind, later)
    assert first.shape == (2, 28, 16)
    torch.testing.assert_close(first[:, :20], again[:, :20])
    assert not torch.allclose(first[:, 20:], again[:, 20:])


@pytest.mark.parametrize("kind", KINDS)
def test_every_encoder_can_learn_one_batch_by_heart(kind: Encoder) -> None:
    torch.manual_seed(1)
    network = QuantileNetwork(NetworkShape(5, 4, series=1, levels=(0.5,), encoder=kind, **CERTAIN))
    history, future, series = torch.randn(8, 28, 5), torch.randn(8, 6, 4), torch.zeros(8, dtype=torch.long)
    target = torch.randn(8, 6)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = (network(history, future, series)[..., 0] - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_an_encoder_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="lstm, tcn or attention"):
        make_encoder("gru", hidden=8, dropout=0.0)  # type: ignore[arg-type]
