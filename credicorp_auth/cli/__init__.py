"""Command line interface, with one module per command. It needs the extra `cli`."""
