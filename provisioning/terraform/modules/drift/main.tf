# What the API shows of one server now, against what was asked for. It is a module of its own since it asks the API three
# questions a server, which a large cluster may want to leave out. All of it warns and stops nothing.

# Outside of the check: a data source within one is read again by every apply, so that no plan would be empty.
data "cherryservers_server" "seen" {
  id = var.server.server_id
}

check "server" {
  assert {
    condition     = data.cherryservers_server.seen.hostname == var.server.hostname
    error_message = "Server ${var.server.server_id}: wanted the hostname ${var.server.hostname}, got ${data.cherryservers_server.seen.hostname}. Next: terraform apply sets it again."
  }

  assert {
    condition     = data.cherryservers_server.seen.image == var.server.image
    error_message = "Server ${var.server.hostname}: wanted the image ${var.server.image}, got ${data.cherryservers_server.seen.image}. Next: set the variable to what is installed, or reinstall by hand; an apply refuses to."
  }

  assert {
    condition     = data.cherryservers_server.seen.plan == var.server.plan && data.cherryservers_server.seen.region == var.server.region
    error_message = "Server ${var.server.hostname}: wanted ${var.server.plan} in ${var.server.region}, got ${data.cherryservers_server.seen.plan} in ${data.cherryservers_server.seen.region}. Next: nodeagent cherry check."
  }

  assert {
    condition     = data.cherryservers_server.seen.power_state == "on" && data.cherryservers_server.seen.state == "active"
    error_message = "Server ${var.server.hostname}: wanted it active and on, got ${data.cherryservers_server.seen.state} and ${data.cherryservers_server.seen.power_state}. Next: nodeagent cherry power status ${var.server.hostname}."
  }

  assert {
    condition     = var.server.private_ip == null || contains([for ip in data.cherryservers_server.seen.ip_addresses : ip.address], coalesce(var.server.private_ip, "none"))
    error_message = "Server ${var.server.hostname}: wanted the private address ${coalesce(var.server.private_ip, "none")}, which it has no more (a reinstall may change it). Next: terraform apply -refresh-only, then renew the inventory."
  }
}
