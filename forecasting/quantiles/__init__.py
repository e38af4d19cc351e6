"""How quantiles are mixed, calibrated, drawn from and added up."""
