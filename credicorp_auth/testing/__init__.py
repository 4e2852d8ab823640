"""For tests of plugins, and of code that uses the library: a sandbox, a clock, stand-ins."""
