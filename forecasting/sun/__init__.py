"""Members that forecast the sun's power."""
