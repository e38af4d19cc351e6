"""Members that forecast load and other series of people's making."""
