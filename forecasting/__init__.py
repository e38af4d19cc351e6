"""Forecasting: quantiles of load, solar and externally forecast power, always beside a seasonal naive baseline.

Importing this package is light; torch comes with the modules that train or ask a network. The words others use:

- :class:`forecasting.service.ForecastService`: ``forecast`` and ``train`` for a site and its database
- :class:`forecasting.verdict.TrainingReport`: what a training came to
- :mod:`forecasting.registry`: models as safetensors and a manifest, to and from a folder
"""

__all__ = ["backtest", "baseline", "contest", "engine", "fitting", "registry", "service"]
