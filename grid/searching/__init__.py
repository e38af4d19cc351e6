"""The search for a good commitment and for the bound that proves it, side by side."""
