# Solana validators. They cost most, so they come last, and only after somebody has seen the control plane pass.

module "node" {
  source   = "../node"
  for_each = var.hostnames

  hostname     = each.key
  role         = "validator"
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

  depends_on = [terraform_data.gate]
}

# The evidence that let the validators in, on record in the state. The servers wait for it.
resource "terraform_data" "gate" {
  input = var.gate

  lifecycle {
    precondition {
      condition     = length(var.hostnames) == 0 || var.gate != null
      error_message = "validator_gate: the control plane has to pass first, and nothing says that it did. Next: nodeagent report on each of its nodes, then set validator_gate to sha256: and the digest of the evidence, or to passed; or leave the validators out for now (phase = \"control-plane\")."
    }
  }
}

check "network_speed" {
  assert {
    condition     = try(var.catalogue[var.plan].nic_gbps, 0) >= 25
    error_message = "Plan ${var.plan} has a port of ${try(var.catalogue[var.plan].nic_gbps, 0)} Gbit/s. The production target of more than 20 Gbit/s (profiles/targets/production.yaml) needs one of 25. Next: ask for a plan with such a port; nodeagent bench run proves it on the host."
  }
}
