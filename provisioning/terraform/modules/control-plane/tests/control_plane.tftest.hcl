# A role over module node, which has the tests of plans and inputs.

mock_provider "cherryservers" {}

variables {
  hostnames   = ["sol-cp-1", "sol-cp-2", "sol-cp-3"]
  project_id  = 1
  plan        = "fits"
  region      = "LT-Siauliai"
  ssh_key_ids = ["1"]
  tags        = { deployment = "sol-1234", environment = "vm", project = "solana", owner = "ops", cost_center = "rnd" }

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
      stock        = 9
      images       = ["debian_12_64bit"]
    }
  }
}

run "three_nodes_as_the_project_asks" {
  command = plan

  assert {
    condition     = join(" ", keys(output.inventory)) == "sol-cp-1 sol-cp-2 sol-cp-3" && alltrue([for node in output.inventory : node.role == "control-plane"])
    error_message = "Wanted three nodes by their names, got ${jsonencode(keys(output.inventory))}."
  }

  assert {
    condition     = sum([for purchase in output.purchases : purchase.month_price]) == 750
    error_message = "Wanted three times 250 EUR."
  }

  assert {
    condition     = alltrue([for document in output.user_data : strcontains(document, base64encode("schema: 1\nsummary: a node of our control plane\nextends: [control-plane]\n"))])
    error_message = "Wanted the profile of the role."
  }
}

run "no_node_at_all" {
  command = plan

  variables {
    hostnames = []
  }

  expect_failures = [var.hostnames]
}
