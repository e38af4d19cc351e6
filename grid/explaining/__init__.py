"""Why every asset of a plan is where it is, with numbers that a further solve would confirm."""
