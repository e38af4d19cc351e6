"""The engine: members mixed, and what a night's training leaves of them."""
