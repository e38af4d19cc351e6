"""A site's forecasts, out of its database and back into it."""
