"""Code that type checkers must refuse. It is type-checked and never run."""

# Every comment below silences one error; without that error, the comment itself is one.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from credicorp_auth import CredicorpAuth, Settings, TokenVerifier

CredicorpAuth(tiemout=2)  # type: ignore[call-arg]
CredicorpAuth(timeout="2")  # type: ignore[arg-type]
CredicorpAuth("https://as.example")  # type: ignore[call-arg]
Settings(tiemout=2)  # type: ignore[call-arg]
Settings(max_entries=2.5)  # type: ignore[arg-type]
CredicorpAuth.from_env(tiemout=2)  # type: ignore[call-arg]
CredicorpAuth.from_env(client_id=7)  # type: ignore[arg-type]
TokenVerifier(audeince="a")  # type: ignore[call-arg]
