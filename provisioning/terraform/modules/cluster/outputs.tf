output "inventory" {
  description = "The cluster for other tools, such as Ansible: deployment, environment, and every server by hostname."
  value = {
    deployment_id = var.deployment_id
    environment   = var.environment
    nodes         = local.nodes
  }
}

output "public_ips" {
  description = "Public IPv4 address of each server, by hostname."
  value       = { for hostname, node in local.nodes : hostname => node.public_ip }
}

output "private_ips" {
  description = "Private address of each server, by hostname."
  value       = { for hostname, node in local.nodes : hostname => node.private_ip }
}

output "management" {
  description = "How to reach the console of each server, by hostname. Access is opened when it is asked for; no password is ever an output."
  value       = { for hostname in keys(local.nodes) : hostname => "nodeagent cherry console ${hostname}" }
}

output "project_id" {
  description = "Number of the Cherry Servers project that is billed."
  value       = local.project_id
}

output "month_price" {
  description = "What all servers cost in a month before tax, by currency; servers without a known price are named, not counted."
  value       = local.month_price

  precondition {
    condition = length(local.orders) == 0 || var.month_budget == null || try(
      length(local.month_price.unknown) == 0 && keys(local.month_price.total) == [var.month_budget.currency] &&
      local.month_price.total[var.month_budget.currency] <= var.month_budget.amount,
      false,
    )
    error_message = "month_budget: wanted at most ${try(var.month_budget.amount, 0)} ${try(var.month_budget.currency, "EUR")} a month, got ${join(" + ", [for currency, amount in local.month_price.total : format("%.2f %s", amount, currency)])}${length(local.month_price.unknown) == 0 ? "" : " and ${length(local.month_price.unknown)} servers of unknown price"}. Next: another billing cycle (cycle = \"monthly\"), other plans, fewer servers, or a budget that is raised knowingly."
  }
}

output "orders" {
  description = "How many servers of each plan of Cherry Servers this plan of Terraform buys."
  value       = { for plan, purchases in local.orders : plan => length(purchases) }

  precondition {
    condition = alltrue([for plan, purchases in local.orders : length(purchases) <= try(module.catalogue.plans[plan].stock, 0)])
    error_message = join("\n", concat(
      [for plan, purchases in local.orders : "plan ${plan} in ${module.catalogue.region}: wanted ${length(purchases)} servers, got ${try(module.catalogue.plans[plan].stock, 0)} in stock" if length(purchases) > try(module.catalogue.plans[plan].stock, 0)],
      ["next: ask for fewer, choose another plan, or ask Cherry Servers when there will be more"],
    ))
  }
}

output "user_data" {
  description = "The cloud-init document of each server by hostname. It holds no secret."
  value       = merge(module.control_plane.user_data, module.validator.user_data)
}
