"""Trained parts taken apart and put together: nothing is lost, and nothing else is let in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forecasting.engine.mixture import Blend
from forecasting.engine.packing import Tensors, pack, unpack
from forecasting.networks.network import NetworkShape, QuantileNetwork
from forecasting.networks.trained import TrainedNetwork
from forecasting.quantiles.conformal import Bands
from forecasting.sun.plant import Plant

PLANT = Plant(39.7, -75.2, 40.0, 170.0, 0.003, 3.4)


def test_what_was_packed_comes_back() -> None:
    network = QuantileNetwork(NetworkShape(5, 3, series=2, levels=(0.1, 0.5, 0.9), hidden=8)).eval()
    whole = {
        "blend": Blend({"lstm": 0.75, "regression": 0.25}, Bands(np.array([[1.0, 1.25]]))),
        "plants": (PLANT, None),
        "network": TrainedNetwork(network, np.arange(6.0).reshape(2, 3)),
    }
    tensors: Tensors = {}
    node = pack(whole, tensors)
    back = unpack(node, tensors, known={one.__name__: one for one in (Bands, Blend, Plant, TrainedNetwork)})
    assert back["plants"] == (PLANT, None)
    assert back["blend"].weights == {"lstm": 0.75, "regression": 0.25}
    np.testing.assert_array_equal(back["blend"].bands.factors, [[1.0, 1.25]])
    np.testing.assert_array_equal(back["network"].shifts, whole["network"].shifts)  # type: ignore[attr-defined]
    shown = torch.randn(1, 4, 5), torch.randn(1, 6, 3), torch.zeros(1, dtype=torch.long)
    torch.testing.assert_close(back["network"].network(*shown), network(*shown))


def test_only_named_classes_are_put_together() -> None:
    tensors: Tensors = {}
    node = pack(PLANT, tensors)
    with pytest.raises(KeyError, match="Plant"):
        unpack(node, tensors, known={"Blend": Blend})


def test_anything_else_is_not_packed() -> None:
    with pytest.raises(TypeError, match=r"model\.parts\.0: cannot keep a function"):
        pack({"parts": [print_nothing]}, {}, name="model")


def print_nothing() -> None:
    """Stands for code."""
