"""A bucket on this machine that behaves as S3 does: versions, encryption, and `If-None-Match` for locks (moto)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

NAME = "example-nodeagent-state"
REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "rehearsal",
    "AWS_SECRET_ACCESS_KEY": "rehearsal",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(slots=True)
class Bucket:
    """The bucket as boto3 sees it (`client`), the settings with which Terraform finds it, and its outages."""

    client: Any = None
    _port: int = 0
    _server: BaseWSGIServer | None = None
    _thread: threading.Thread | None = field(default=None)

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Answer; after an outage at the same address and with what was in it."""
        application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", self._port, application, threaded=True)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def write_backend(self, directory: Path) -> str:
        """Write backend.hcl into a configuration and return the argument of `terraform init` that names it."""
        settings = directory / "backend.hcl"
        settings.write_text(
            f'bucket = "{NAME}"\nregion = "{REGION}"\nendpoints = {{ s3 = "{self.endpoint}" }}\n'
            "use_path_style = true\nskip_credentials_validation = true\nskip_requesting_account_id = true\n"
            "skip_metadata_api_check = true\nskip_region_validation = true\nskip_s3_checksum = true\nmax_retries = 2\n"
        )
        return f"-backend-config={settings.name}"

    def objects(self) -> list[str]:
        """Names of the objects that are there now."""
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=NAME).get("Contents", [])]

    def versions(self, key: str) -> list[str]:
        """Versions of one object, the newest first."""
        found = self.client.list_object_versions(Bucket=NAME, Prefix=key).get("Versions", [])
        return [entry["VersionId"] for entry in found if entry["Key"] == key]


@contextmanager
def running_bucket() -> Iterator[Bucket]:
    """An empty bucket with versions, as module state-backend makes it."""
    bucket = Bucket()
    bucket.start()
    try:
        httpx.post(f"{bucket.endpoint}/moto-api/reset", trust_env=False).raise_for_status()
        bucket.client = boto3.client(
            "s3",
            endpoint_url=bucket.endpoint,
            region_name=REGION,
            aws_access_key_id="rehearsal",
            aws_secret_access_key="rehearsal",
        )
        bucket.client.create_bucket(Bucket=NAME)
        bucket.client.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
        yield bucket
    finally:
        bucket.stop()
        if bucket.client is not None:
            bucket.client.close()
