"""Trained models: everything a forecast needs apart from the newest readings, as tensors and plain numbers.

A model holds its core, its temperature climatology or its plants, its network and the calibration of its bands. Both
kinds turn into named tensors and a manifest and back without loss; :mod:`forecasting.registry` seals them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forecasting.calibration import apply_shifts
from forecasting.core import LoadCore
from forecasting.load_windows import LoadPanel, LoadWindows
from forecasting.network import NetworkShape, QuantileNetwork
from forecasting.solar import Plant
from forecasting.solar_core import SolarCore
from forecasting.solar_windows import SolarPanel, SolarWindows
from forecasting.temperature import TemperatureModel
from forecasting.training import predict
from forecasting.windows import IndexArray, WindowSource
from grid.time_axis import FloatArray

Tensors = dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class LoadModel:
    """One model for the load of many series.

    Attributes:
        series_ids: The series it knows, in the order of its rows.
        weather_ids: Weather sites whose temperature it reads, in the order of ``temperatures``; "" stands for none.
        floor_kw: Added to each series before the logarithm, shape (series,).
        shifts: Calibration of the bands, shape (BLOCKS, levels).
        periods: Hours it forecasts.
    """

    series_ids: tuple[str, ...]
    weather_ids: tuple[str, ...]
    timezone: str
    holidays: str
    periods: int
    core: LoadCore
    temperatures: tuple[TemperatureModel, ...]
    floor_kw: FloatArray
    network: QuantileNetwork
    shifts: FloatArray

    @property
    def levels(self) -> tuple[float, ...]:
        return self.network.shape.levels

    def windows(self, panel: LoadPanel) -> LoadWindows:
        """Cuts windows from a panel of series that the model knows and of all its weather sites, in its order.

        Raises:
            ValueError: If the panel has a series the model was trained without.
        """
        unknown = set(panel.series_ids) - set(self.series_ids)
        if unknown:
            raise ValueError(f"the load model was trained without {', '.join(sorted(unknown))}")
        return LoadWindows(
            panel,
            core=self.core,
            temperatures=self.temperatures,
            floor=self.floor_kw,
            model_row=np.array([self.series_ids.index(series) for series in panel.series_ids], dtype=np.int64),
            periods=self.periods,
        )

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """Named tensors, and what else must be known to read them."""
        arrays = {
            "core.calendar": self.core.calendar,
            "core.temperature": self.core.temperature,
            "core.spread": self.core.spread,
            "core.seen_c": self.core.seen_c,
            "floor_kw": self.floor_kw,
            "shifts": self.shifts,
            "climatology": np.stack([model.climatology for model in self.temperatures]),
            "damping": np.stack([model.damping for model in self.temperatures]),
        }
        about = {
            "series_ids": list(self.series_ids),
            "weather_ids": list(self.weather_ids),
            "timezone": self.timezone,
            "holidays": self.holidays,
            "periods": self.periods,
            "network": self.network.shape.as_dict(),
        }
        return _tensors(arrays, self.network), about

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> LoadModel:
        """The inverse of :meth:`state`."""
        array = _reader(tensors)
        weather = zip(array("climatology"), array("damping"), strict=True)
        return cls(
            series_ids=tuple(about["series_ids"]),
            weather_ids=tuple(about["weather_ids"]),
            timezone=about["timezone"],
            holidays=about["holidays"],
            periods=int(about["periods"]),
            core=LoadCore(
                array("core.calendar"), array("core.temperature"), array("core.spread"), array("core.seen_c")
            ),
            temperatures=tuple(TemperatureModel(mean, damping) for mean, damping in weather),
            floor_kw=array("floor_kw"),
            network=_network(tensors, about["network"]),
            shifts=array("shifts"),
        )


@dataclass(frozen=True, slots=True, eq=False)
class SolarModel:
    """One model for all photovoltaic plants.

    Attributes:
        series_ids: The plants' series, in the order of ``plants``.
        shifts: Calibration of the bands, shape (BLOCKS, levels).
        periods: Hours it forecasts.
    """

    series_ids: tuple[str, ...]
    plants: tuple[Plant, ...]
    periods: int
    core: SolarCore
    network: QuantileNetwork
    shifts: FloatArray

    @property
    def levels(self) -> tuple[float, ...]:
        return self.network.shape.levels

    def windows(self, panel: SolarPanel) -> SolarWindows:
        """Cuts windows from a panel of plants that the model knows.

        Raises:
            ValueError: If the panel has a plant the model was trained without.
        """
        unknown = set(panel.series_ids) - set(self.series_ids)
        if unknown:
            raise ValueError(f"the solar model was trained without {', '.join(sorted(unknown))}")
        rows = np.array([self.series_ids.index(series) for series in panel.series_ids], dtype=np.int64)
        return SolarWindows(panel, core=self.core, model_row=rows, periods=self.periods)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """Named tensors, and what else must be known to read them."""
        arrays = {
            "core.climatology": self.core.climatology,
            "core.damping": self.core.damping,
            "core.spread": np.array([self.core.spread]),
            "shifts": self.shifts,
        }
        about = {
            "series_ids": list(self.series_ids),
            "plants": [asdict(plant) for plant in self.plants],
            "periods": self.periods,
            "network": self.network.shape.as_dict(),
        }
        return _tensors(arrays, self.network), about

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> SolarModel:
        """The inverse of :meth:`state`."""
        array = _reader(tensors)
        return cls(
            series_ids=tuple(about["series_ids"]),
            plants=tuple(Plant(**plant) for plant in about["plants"]),
            periods=int(about["periods"]),
            core=SolarCore(array("core.climatology"), array("core.damping"), float(array("core.spread")[0])),
            network=_network(tensors, about["network"]),
            shifts=array("shifts"),
        )


TrainedModel = LoadModel | SolarModel


def predict_kw(
    network: QuantileNetwork, shifts: FloatArray, source: WindowSource, series: IndexArray, origins: IndexArray
) -> FloatArray:
    """Calibrated quantiles of the given windows, shape (windows, periods, levels). [kW]"""
    windows = source.cut(series, origins)
    values = apply_shifts(predict(network, windows), shifts, block=windows.block, scale=windows.scale)
    return source.to_kw(values, series, origins)


def _tensors(arrays: Mapping[str, FloatArray], network: QuantileNetwork) -> Tensors:
    fixed = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    weights = {f"network.{name}": value.detach().contiguous() for name, value in network.state_dict().items()}
    return {**fixed, **weights}


def _network(tensors: Mapping[str, Tensor], shape: Mapping[str, Any]) -> QuantileNetwork:
    network = QuantileNetwork(NetworkShape(**{**shape, "levels": tuple(shape["levels"])}))
    prefix = "network."
    network.load_state_dict({name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)})
    return network.eval()


def _reader(tensors: Mapping[str, Tensor]) -> Callable[[str], FloatArray]:
    return lambda name: tensors[name].numpy().astype(np.float64)
