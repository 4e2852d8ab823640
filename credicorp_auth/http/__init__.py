"""HTTP values and rules: messages, origins, retry, strict JSON, untrusted text. Pure."""
