# One server: what is asked of it, how it is installed, and what keeps it from being destroyed by mistake. Whether the
# plan does is in plan.tf.

resource "cherryservers_server" "this" {
  project_id  = var.project_id
  region      = var.region
  plan        = var.plan
  image       = var.image
  hostname    = var.hostname
  ssh_key_ids = var.ssh_key_ids
  tags        = merge(var.tags, { role = var.role })
  cycle       = var.cycle
  user_data   = base64encode(local.user_data)

  spot_instance   = false
  allow_reinstall = false

  lifecycle {
    # The provider reinstalls a server whose user data or keys differ: the disks would be lost for the sake of a script
    # that ran long ago. Both are what the server was born with, and later changes are made on it. Another cycle would
    # replace the server; the provider never reads it back, so that an imported server would be replaced too.
    ignore_changes = [user_data, ssh_key_ids, cycle]
  }
}

locals {
  user_data = templatefile("${path.module}/cloud-init.yaml.tftpl", {
    hostname = var.hostname
    bundle   = var.bundle
    carried  = try(filebase64(var.bundle.path), null)
    install  = file("${path.module}/install-nodeagent.sh")
    profile  = var.profile
  })

  # The addresses are a set, and an address family may be missing while the server is being made.
  public_ip  = one([for ip in coalesce(cherryservers_server.this.ip_addresses, []) : ip.address if ip.type == "primary-ip" && ip.address_family == 4])
  private_ip = one([for ip in coalesce(cherryservers_server.this.ip_addresses, []) : ip.address if ip.type == "private-ip"])
}

# Made after the server and anew with it, so that it tells a server that this plan buys from one that is there already.
# `plantimestamp` ticks in seconds: two plans need a second between them, which only a script against an instant cloud
# can undercut; the price is that the later one holds the server against the stock again.
resource "terraform_data" "purchase" {
  triggers_replace = [cherryservers_server.this.id]
  input            = plantimestamp()

  lifecycle {
    ignore_changes = [input]
  }
}

# `prevent_destroy` takes no variable. A second object that has to go when the server goes does: whatever destroys or
# replaces the server, or takes the protection away, plans to destroy the guard, and that is refused.
resource "terraform_data" "guard" {
  count = var.protected ? 1 : 0

  triggers_replace = [cherryservers_server.this.id]

  lifecycle {
    prevent_destroy = true
  }
}
