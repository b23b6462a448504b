"""A real server of S3's API on a free loopback port, with a key that it checks."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests

REGION = "us-east-1"
START_SECONDS = 60
_POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@dataclass(frozen=True)
class ObjectStore:
    """The running server: its address and the key that may use it."""

    endpoint: str
    access_key: str
    secret_key: str

    @property
    def settings(self) -> dict[str, Any]:
        """Fields of the settings that reach it."""
        return {
            "s3_endpoint": self.endpoint, "s3_region": REGION,
            "s3_access_key": self.access_key, "s3_secret_key": self.secret_key,
        }  # fmt: skip

    def client(self) -> Any:
        """A client of the test's own, as a sender has."""
        return _client("s3", self.endpoint, self.access_key, self.secret_key)

    def upload(self, folder: Path, bucket: str, prefix: str) -> None:
        """Put every file of a folder below a prefix."""
        client = self.client()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                client.put_object(Bucket=bucket, Key=f"{prefix}/{path.relative_to(folder)}", Body=path.read_bytes())


def _client(service: str, endpoint: str, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )


@contextmanager
def running_object_store() -> Iterator[ObjectStore]:
    """Start the server, make a user with a key, and let the server ask for it from then on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(endpoint):
            assert process.poll() is None and time.monotonic() < deadline, "the object store did not start"
            time.sleep(0.1)
        iam = _client("iam", endpoint, "nobody", "nothing")
        iam.create_user(UserName="sender")
        iam.put_user_policy(UserName="sender", PolicyName="all", PolicyDocument=_POLICY)
        key = iam.create_access_key(UserName="sender")["AccessKey"]
        requests.post(f"{endpoint}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
        yield ObjectStore(endpoint, key["AccessKeyId"], key["SecretAccessKey"])
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(endpoint: str) -> bool:
    try:
        return requests.get(f"{endpoint}/moto-api/", timeout=2).status_code < 500
    except requests.ConnectionError:
        return False
