"""The command line: one module for each command. It needs the extra `cli`."""
