"""cherryservers/cherryservers 1.5.3, call for call: what it sends, in which order, what it keeps, where it fails.

Its defects are here on purpose, since modules and operations are built around them: an error after the POST of a
server loses that server, every PUT of a server switches its BGP off, nothing is tried again, and an answer that is no
JSON crashes a refresh.
"""

from pathlib import Path

from tests.terraform.provider.cherryservers import (
    api,
    cycles,
    ip,
    plan,
    project,
    region,
    server,
    ssh_key,
)
from tests.terraform.provider.plugin import DataSource, Provider
from tests.terraform.provider.schema import load

PROVIDER = Provider(
    schema=load(Path(__file__).with_name("schema.json")),
    configure=api.configure,
    resources={
        "cherryservers_ip": ip.Ip(),
        "cherryservers_project": project.Project(),
        "cherryservers_server": server.Server(),
        "cherryservers_ssh_key": ssh_key.SshKey(),
    },
    data_sources={
        "cherryservers_cycles": DataSource(read=cycles.look_up_all),
        "cherryservers_ip": DataSource(read=ip.look_up, exactly_one_of=("id", "address")),
        "cherryservers_plan": DataSource(read=plan.look_up, exactly_one_of=("slug", "id")),
        "cherryservers_plans": DataSource(read=plan.look_up_all),
        "cherryservers_project": DataSource(read=project.look_up),
        "cherryservers_region": DataSource(read=region.look_up, exactly_one_of=("slug", "id")),
        "cherryservers_regions": DataSource(read=region.look_up_all),
        "cherryservers_server": DataSource(read=server.look_up, exactly_one_of=("id", "hostname")),
        "cherryservers_ssh_key": DataSource(read=ssh_key.look_up, exactly_one_of=("id", "name")),
    },
)
