"""The rules of OAuth: values in, values out; no clock, no input, no output."""
