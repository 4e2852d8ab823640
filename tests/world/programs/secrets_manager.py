"""
An AWS Secrets Manager with one secret, by moto, until standard input ends.

    python secrets_manager.py SECRET

It prints JSON: its port, and the name of the secret.
"""

from __future__ import annotations

import json
import sys

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
boto3.client(
    "secretsmanager",
    region_name="eu-west-2",
    endpoint_url=f"http://127.0.0.1:{port}",
    aws_access_key_id="operator",
    aws_secret_access_key="operator",
).create_secret(Name="app", SecretString=sys.argv[1])
print(json.dumps({"port": port, "name": "app"}), flush=True)
sys.stdin.read()
