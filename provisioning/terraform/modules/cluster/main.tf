# The whole cluster: what is on sale, the project, the keys, the control plane, then the validators.

module "catalogue" {
  source = "../catalogue"

  region     = var.region
  team_plans = var.team_plans
}

resource "cherryservers_project" "this" {
  count = var.project_id == null ? 1 : 0

  team_id = var.team_id
  name    = "${var.project} ${var.deployment_id}"
}

resource "cherryservers_ssh_key" "this" {
  for_each = var.ssh_keys

  name       = "${var.deployment_id}-${each.key}"
  public_key = trimspace(each.value)
}

locals {
  project_id = var.project_id != null ? var.project_id : tonumber(one(cherryservers_project.this).id)

  tags = merge(var.tags, {
    deployment  = var.deployment_id
    environment = var.environment
    project     = var.project
    owner       = var.owner
    cost_center = var.cost_center
  })

  ssh_key_ids = [for key in cherryservers_ssh_key.this : key.id]

  control_plane_hostnames = [for number in range(1, var.control_plane.count + 1) : "${var.deployment_id}-cp-${number}"]
  validator_hostnames     = [for number in range(1, var.phase == "validator" ? var.validator.count + 1 : 1) : "${var.deployment_id}-val-${number}"]
}

module "control_plane" {
  source = "../control-plane"

  hostnames    = local.control_plane_hostnames
  project_id   = local.project_id
  region       = module.catalogue.region
  plan         = var.control_plane.plan
  catalogue    = module.catalogue.plans
  requirements = var.control_plane.requirements
  profile      = var.control_plane.profile
  image        = var.image
  ssh_key_ids  = local.ssh_key_ids
  tags         = local.tags
  cycle        = var.cycle
  bundle       = var.bundle
  protected    = var.protected
}

module "validator" {
  source = "../validator"

  hostnames    = local.validator_hostnames
  gate         = var.validator_gate
  project_id   = local.project_id
  region       = module.catalogue.region
  plan         = var.validator.plan
  catalogue    = module.catalogue.plans
  requirements = var.validator.requirements
  profile      = var.validator.profile
  image        = var.image
  ssh_key_ids  = local.ssh_key_ids
  tags         = local.tags
  cycle        = var.cycle
  bundle       = var.bundle
  protected    = var.protected

  # All of the control plane stands before the first validator is paid for.
  depends_on = [module.control_plane]
}

locals {
  nodes     = merge(module.control_plane.inventory, module.validator.inventory)
  purchases = merge(module.control_plane.purchases, module.validator.purchases)

  # Servers that this plan of Terraform buys, by plan of Cherry Servers: the two roles may want the same one.
  orders = { for purchase in values(local.purchases) : purchase.plan => purchase... if purchase.is_new }

  prices = {
    for purchase in values(local.purchases) :
    coalesce(purchase.currency, "unknown") => purchase.month_price... if purchase.month_price != null
  }

  month_price = {
    total   = { for currency, prices in local.prices : currency => sum(prices) }
    unknown = [for hostname, purchase in local.purchases : hostname if purchase.month_price == null]
  }
}

module "drift" {
  source   = "../drift"
  for_each = var.drift_checks ? toset(concat(local.control_plane_hostnames, local.validator_hostnames)) : []

  server = local.nodes[each.key]
}

# A server of which the API tells no address at all is not there yet, and no fault of the network.
locals {
  reachable   = { for hostname, node in local.nodes : hostname => node if node.public_ip != null || node.private_ip != null }
  private_ips = [for node in values(local.reachable) : coalesce(node.private_ip, "none")]
}

check "private_network" {
  assert {
    condition = length(distinct(local.private_ips)) == length(local.private_ips) && alltrue([
      for address in local.private_ips : can(regex("^(10\\.|192\\.168\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.)", address))
    ])
    error_message = "Wanted a private address of its own for each server, got ${jsonencode(local.private_ips)}. Next: look at the project's private network in the portal; the nodes reach each other through it."
  }
}
