"""Whatever a client sends to whichever endpoint, the answer is JSON or a refusal: no endpoint ever fails by itself."""

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cherrylab.api.endpoint import Call, Endpoint
from cherrylab.api.listing import page, with_fields
from cherrylab.api.routes import ENDPOINTS
from cherrylab.cloud import backup_storages, ips, orders, projects, ssh_keys, storages
from cherrylab.cloud.actions import ACTIONS, ActionRequest
from cherrylab.cloud.backup_storages import BackupRequest, MethodRequest
from cherrylab.cloud.cloud import Cloud
from cherrylab.cloud.errors import CloudError
from cherrylab.cloud.faults import Kind, Strike
from cherrylab.cloud.ips import IpRequest
from cherrylab.cloud.orders import Order
from cherrylab.cloud.projects import ProjectRequest
from cherrylab.cloud.servers import ServerUpdate
from cherrylab.cloud.ssh_keys import SshKeyRequest
from cherrylab.cloud.storages import AttachRequest, StorageRequest
from cherrylab.cloud.teams import TeamRequest
from tests.unit.cherrylab.books import KEY, open_cloud

_REQUESTS: tuple[Any, ...] = (
    *(ActionRequest, AttachRequest, BackupRequest, IpRequest, MethodRequest, Order),
    *(ProjectRequest, ServerUpdate, SshKeyRequest, StorageRequest, TeamRequest),
)
_NAMES = sorted({field.name for request in _REQUESTS for field in dataclasses.fields(request)})
_KNOWN = ("amd-epyc-9454p", "LT-Siauliai", "ubuntu_24_04_64bit", "backup_100", "hourly", "long-enough", KEY, *ACTIONS)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.just("\ud800"),
    st.sampled_from(_KNOWN),
    st.sampled_from([0, 1, 4001, 5001, 9001, 200_001, 900_001, "0", "900001"]),
)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), _SCALARS, max_size=2)
_BODIES = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=6).map(lambda body: json.dumps(body).encode())
_QUERIES = st.dictionaries(
    st.sampled_from(["fields", "limit", "offset", "region", "region_id"]),
    st.sampled_from(["", "0", "1", "-1", "x", "id,name", "power", "LT-Siauliai", "4", "٣"]),
    max_size=3,
)
_EFFECTS = st.none() | st.builds(Strike, kind=st.sampled_from([kind for kind in Kind if kind.is_effect]))


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """A cloud with one of each noun; what a request changes stays for the next one."""
    with tempfile.TemporaryDirectory(prefix="cherrylab-hostile-") as directory:
        cloud = open_cloud(Path(directory) / "cloud.db")
        with cloud.change():
            project = projects.create(cloud, 1, ProjectRequest(name="p")).id
            ssh_keys.create(cloud, SshKeyRequest(label="k", key=KEY))
            order = Order(plan="amd-epyc-7302p", region="LT-Siauliai")
            server = orders.create(cloud, project, order).id
            ips.create(cloud, project, IpRequest(region="LT-Siauliai"))
            storages.create(cloud, project, StorageRequest(region="LT-Siauliai", size=1))
            backup_storages.create(cloud, server, BackupRequest(region="LT-Siauliai", slug="backup_100"))
        yield cloud
        cloud.store.close()


def _parameters(cloud: Cloud, data: st.DataObject) -> dict[str, str]:
    addresses = [ip.id for ip in cloud.store.ips.all()] or ["none"]
    known = {
        "team": ["1"],
        "user": ["1"],
        "project": ["200001"],
        "key": ["9001"],
        "region": ["LT-Siauliai", "1"],
        "plan": ["amd-epyc-9454p", "e5_1650v4", "2002"],
        "server": ["900001"],
        "ip": addresses,
        "storage": ["4001", "5001"],
        "method": ["ftp", "FTP"],
    }
    junk = st.sampled_from(["0", "-1", "x", "٣", "1" * 5_000, "%00", ".."])
    return {name: data.draw(st.sampled_from(values) | junk) for name, values in known.items()}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
@settings(max_examples=12, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_endpoint_answers_or_refuses(cloud: Cloud, endpoint: Endpoint, data: st.DataObject) -> None:
    call = Call(
        parameters=_parameters(cloud, data),
        query=data.draw(_QUERIES),
        body=data.draw(_BODIES | st.binary(max_size=12)),
        effect=data.draw(_EFFECTS),
    )
    refusal, answer = None, None
    try:
        with cloud.change():
            answer = endpoint.handle(cloud, call)
        entries = page(answer, call.query) if isinstance(answer, list) else [] if answer is None else [answer]
        for entry in entries:
            json.dumps(with_fields(entry, call.query, group=endpoint.group), allow_nan=False)
    except CloudError as error:
        refusal = error
    if refusal is None:
        assert (answer is None) == (endpoint.status == 204)
    else:
        assert refusal.code in {400, 403, 404}
        assert refusal.message
