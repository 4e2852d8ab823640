"""
Fuzz the parsers with atheris, each in a process of its own and for a bounded time.

    python fuzz/run.py [seconds for each target] [target …]

An input that takes over five seconds, or over half a gigabyte, counts as a crash. Crashing inputs
stay in the current folder, under the names that libFuzzer gives them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris
from evidence import record

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
with atheris.instrument_imports(include=["credicorp_auth", "json"]):
    from targets import TARGETS

_SEEDS = {
    "token": [
        b'{"alg":"RS256","typ":"at+jwt","kid":"a"}\n{"iss":"https://as.example","exp":1}\nsig',
        b"eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AA",
    ],
    "claims": [
        b'{"exp":2000000000,"iat":1,"aud":["a"],"sub":"s","client_id":"c","jti":"j","scope":"a b"}'
    ],
    "key_set": [
        b'{"keys":[{"kty":"RSA","kid":"a","use":"sig","n":"AQAB","e":"AQAB"}]}',
        b'{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","key_ops":["verify"]}]}',
        (
            b'{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA",'
            b'"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
        ),
    ],
    "metadata": [
        (
            b'{"issuer":"https://as.example","jwks_uri":"https://as.example/k",'
            b'"token_endpoint":"https://127.1/t"}'
        ),
    ],
    "challenge": [b'Bearer realm="a", error="invalid_token"\nBasic abc==, Digest a=b'],
    "token_response": [
        b'{"access_token":"t","token_type":"Bearer","expires_in":60,"scope":"a"}',
        b'{"error":"invalid_client","error_description":"hunter2-of-the-fuzzer"}',
    ],
    "inquiry": [
        b'{"active":true,"exp":2000000000,"nbf":1,"scope":"a","aud":["a"],"client_id":"c","cnf":{}}',
        b'{"error":"unsupported_token_type","error_description":"token-of-the-fuzzer"}',
    ],
}  # fmt: skip


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(_SEEDS[name]):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        limits = [f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=512", "-max_len=4096"]
        atheris.Setup([name, *limits, corpus], TARGETS[name])
        atheris.Fuzz()


def main() -> int:
    """Fuzz the targets in turn; return the number of failures."""
    if sys.argv[1:2] == ["--one"]:
        fuzz(sys.argv[2], int(sys.argv[3]))
        return 0
    seconds, *chosen = sys.argv[1:] or ["30"]
    inputs: dict[str, int] = {}
    failed: list[str] = []
    for name in chosen or TARGETS:
        run = [sys.executable, __file__, "--one", name, seconds]
        ran = subprocess.run(
            run, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        done = re.findall(r"Done (\d+) runs", ran.stdout)
        inputs[name] = int(done[-1]) if done else 0
        print(f"{name}: {inputs[name]} inputs in {seconds} s", flush=True)
        if ran.returncode:
            failed.append(name)
            print(ran.stdout)
    print(f"{len(failed)} targets failed")
    if not chosen:
        record("fuzz", {"seconds_each": int(seconds), "inputs": inputs, "failed": failed})
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
