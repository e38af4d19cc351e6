"""The administrative groups of the command line, one file each."""
