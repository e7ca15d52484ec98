# Each way in which a server can have come to differ is told, and none stops anything.

mock_provider "cherryservers" {
  mock_data "cherryservers_server" {
    defaults = {
      hostname    = "sol-cp-1"
      plan        = "amd-epyc-7302p"
      region      = "LT-Siauliai"
      image       = "debian_12_64bit"
      power_state = "on"
      state       = "active"
    }
  }
}

variables {
  server = { server_id = "1", hostname = "sol-cp-1", plan = "amd-epyc-7302p", region = "LT-Siauliai", image = "debian_12_64bit" }
}

run "as_asked" {
  command = plan

  assert {
    condition     = var.server.hostname == "sol-cp-1"
    error_message = "Unreachable: what this run tells is that no check warns."
  }
}

run "another_hostname" {
  command = plan

  variables {
    server = { server_id = "1", hostname = "sol-cp-2", plan = "amd-epyc-7302p", region = "LT-Siauliai", image = "debian_12_64bit" }
  }

  expect_failures = [check.server]
}

run "another_image" {
  command = plan

  variables {
    server = { server_id = "1", hostname = "sol-cp-1", plan = "amd-epyc-7302p", region = "LT-Siauliai", image = "debian_13_64bit" }
  }

  expect_failures = [check.server]
}

run "another_plan" {
  command = plan

  variables {
    server = { server_id = "1", hostname = "sol-cp-1", plan = "amd-epyc-9654", region = "LT-Siauliai", image = "debian_12_64bit" }
  }

  expect_failures = [check.server]
}

run "private_address_gone" {
  command = plan

  variables {
    server = { server_id = "1", hostname = "sol-cp-1", plan = "amd-epyc-7302p", region = "LT-Siauliai", image = "debian_12_64bit", private_ip = "10.168.1.9" }
  }

  expect_failures = [check.server]
}

run "switched_off" {
  command = plan

  override_data {
    target = data.cherryservers_server.seen
    values = {
      hostname    = "sol-cp-1"
      plan        = "amd-epyc-7302p"
      region      = "LT-Siauliai"
      image       = "debian_12_64bit"
      power_state = "off"
      state       = "active"
    }
  }

  expect_failures = [check.server]
}
