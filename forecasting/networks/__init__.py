"""Networks: what they may see, how they read it, and how they learn."""
