# What the module refuses to be told, and the region of old. Mocked data sources cannot hold lists of objects, so what is
# read out of the catalogue is tested against the API itself (tests/terraform/test_catalogue.py).

mock_provider "cherryservers" {}

run "region_of_old" {
  command = plan

  variables {
    region = "EU-East-1"
  }

  expect_failures = [check.region_name, output.region]
}

run "region_that_there_is_not" {
  command = plan

  variables {
    region = "XX-Nowhere"
  }

  expect_failures = [output.region]
}

run "region_that_is_no_name" {
  command = plan

  variables {
    region = "Siauliai"
  }

  expect_failures = [var.region]
}

run "plan_of_the_team_that_is_no_slug" {
  command = plan

  variables {
    region     = "LT-Siauliai"
    team_plans = ["AMD EPYC 9454P"]
  }

  expect_failures = [var.team_plans, output.region]
}
