"""A project in JSON."""

from cherrylab.api.endpoint import Json
from cherrylab.cloud.projects import Project


def project_json(project: Project) -> Json:
    return {
        "id": project.id,
        "name": project.name,
        "bgp": {"enabled": project.bgp, "local_asn": project.local_asn},
        "href": f"/projects/{project.id}",
    }
