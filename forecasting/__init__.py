"""Forecasting: quantiles of load, solar and externally forecast power, always beside a seasonal naive baseline.

Importing this package is light; torch comes with the modules that train or ask a network. The words others use:

- :class:`forecasting.site.service.ForecastService`: ``forecast`` and ``train`` for a site and its database
- :func:`forecasting.files.forecast.forecast_file`: a forecast from a file
- :class:`forecasting.judging.verdict.TrainingReport`: what a training came to
- :mod:`forecasting.engine.registry`: models as safetensors and a manifest, to and from a folder
"""

__all__ = [
    "engine",
    "explaining",
    "files",
    "judging",
    "load",
    "members",
    "networks",
    "quantiles",
    "series",
    "site",
    "sun",
]
