# What a changed profile does to a server that is there: nothing. A file of its own, since `apply` runs keep state. That a
# plan off the list stops nothing any more is in tests/terraform/test_later_plans.py: a purchase and the plan after it must
# not be of the same second.

mock_provider "cherryservers" {}

variables {
  hostname     = "sol-cp-1"
  role         = "control-plane"
  project_id   = 1
  plan         = "fits"
  region       = "LT-Siauliai"
  ssh_key_ids  = ["1"]
  tags         = { deployment = "sol-1234", environment = "vm", project = "solana", owner = "ops", cost_center = "rnd" }
  profile      = "{schema: 1, summary: s, extends: [control-plane]}"
  requirements = { cores_min = 1, memory_gb_min = 1, drives_gb_min = [20], nic_gbps_min = 1 }
  protected    = false

  catalogue = {
    fits = {
      slug         = "fits"
      name         = "fits"
      cores        = 16
      threads      = 32
      memory_gb    = 64
      drives_gb    = [1000]
      nic_gbps     = 10
      month_prices = { monthly = 250 }
      currency     = "EUR"
      regions      = ["LT-Siauliai"]
      stock        = 1
      images       = []
    }
  }
}

run "bought" {
  assert {
    condition     = output.purchase.is_new
    error_message = "Wanted the first apply to buy the server."
  }
}

run "profile_of_a_running_server" {
  command = plan

  variables {
    profile = "{schema: 1, summary: another, extends: [control-plane]}"
  }

  assert {
    condition     = cherryservers_server.this.user_data != base64encode(output.user_data)
    error_message = "Wanted a new profile not to reinstall the server that is there."
  }
}
