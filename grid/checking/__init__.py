"""Independent checks: every constraint again, from the units' own data and without the optimiser's model."""
