# Nodes of the control plane: monitoring, deployment, RPC in front of the validator. They come first, and they are small.

module "node" {
  source   = "../node"
  for_each = var.hostnames

  hostname     = each.key
  role         = "control-plane"
  project_id   = var.project_id
  region       = var.region
  plan         = var.plan
  catalogue    = var.catalogue
  requirements = var.requirements
  image        = var.image
  ssh_key_ids  = var.ssh_key_ids
  tags         = var.tags
  cycle        = var.cycle
  bundle       = var.bundle
  profile      = var.profile
  protected    = var.protected
}
