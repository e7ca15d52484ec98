# What a month can cost at most, refused beforehand where it is too much, and watched by AWS.

locals {
  # gp3 in us-east-1 is 0.08 USD for a GB and month, as published; 730 hours are a month.
  root_usd_hour = sum([for node in values(var.nodes) : node.root_gb]) * 0.08 / 730
  # A public IPv4 address is 0.005 USD an hour.
  address_usd_hour = length(var.nodes) * 0.005
  nodes_usd_hour   = sum([for node in values(var.nodes) : node.price_hour_max])
  usd_hour_max     = local.nodes_usd_hour + local.root_usd_hour + local.address_usd_hour
  # The schedule comes a quarter of an hour after the instances should have ended themselves.
  usd_run_max   = local.usd_hour_max * (var.hours_per_run + 0.25)
  usd_month_max = local.usd_run_max * var.runs_per_month
}

# Of the whole account: a budget that goes by tags sees nothing until somebody has switched the tags on in billing.
resource "aws_budgets_budget" "this" {
  name         = var.deployment_id
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.month_budget_usd)
  limit_unit   = "USD"
  tags         = local.tags

  dynamic "notification" {
    for_each = [
      { of = "ACTUAL", percent = 50 },
      { of = "ACTUAL", percent = 80 },
      { of = "FORECASTED", percent = 100 },
    ]

    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = notification.value.of
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.alarm_emails
    }
  }

  lifecycle {
    precondition {
      condition     = local.usd_month_max <= var.month_budget_usd
      error_message = "month_budget_usd: wanted at most ${var.month_budget_usd} USD a month, got up to ${format("%.2f", local.usd_month_max)}: ${var.runs_per_month} runs of ${var.hours_per_run} hours and a quarter at ${format("%.2f", local.usd_hour_max)} USD an hour. Next: fewer runs, fewer hours, or cheaper instances."
    }
  }
}

data "aws_ec2_spot_price" "this" {
  for_each = toset([for node in values(var.nodes) : node.instance_type])

  instance_type     = each.key
  availability_zone = var.availability_zone

  filter {
    name   = "product-description"
    values = ["Linux/UNIX"]
  }
}

# A warning and no refusal: the market moves, and AWS itself gives no instance above the limit.
check "spot_price" {
  assert {
    condition = alltrue([
      for node in values(var.nodes) :
      try(tonumber(data.aws_ec2_spot_price.this[node.instance_type].spot_price) <= node.price_hour_max, false)
    ])
    error_message = "In ${var.availability_zone} the market asks ${jsonencode({ for type, price in data.aws_ec2_spot_price.this : type => price.spot_price })} USD an hour; above price_hour_max no instance comes. Next: another zone, another hour, or a higher price_hour_max within the budget."
  }
}
