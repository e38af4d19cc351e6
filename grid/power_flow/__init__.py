"""One period of a case file: its DC optimal power flow, explained, and the AC power flow of a result."""
