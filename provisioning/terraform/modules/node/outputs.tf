output "server_id" {
  description = "Number of the server at Cherry Servers."
  value       = cherryservers_server.this.id
}

output "hostname" {
  description = "Name of the server as the API tells it."
  value       = cherryservers_server.this.hostname
}

output "public_ip" {
  description = "The server's public IPv4 address."
  value       = local.public_ip
}

output "private_ip" {
  description = "The server's address in the private network of the project. A reinstall may change it."
  value       = local.private_ip
}

output "inventory" {
  description = "The server as the inventory of a cluster has it."
  value = {
    role       = var.role
    server_id  = cherryservers_server.this.id
    hostname   = cherryservers_server.this.hostname
    plan       = cherryservers_server.this.plan
    region     = cherryservers_server.this.region
    image      = cherryservers_server.this.image
    public_ip  = local.public_ip
    private_ip = local.private_ip
    tags       = cherryservers_server.this.tags
  }
}

output "purchase" {
  description = "What the server costs in a month before tax (null where no price is known), and whether this plan buys it."
  value = {
    plan        = var.plan
    is_new      = local.is_new
    month_price = try(lookup(local.plan.month_prices, var.cycle, null), null)
    currency    = try(local.plan.currency, null)
  }

  precondition {
    condition     = !local.is_new || length(local.problems) == 0
    error_message = local.refusal
  }
}

output "user_data" {
  description = "The cloud-init document as the server gets it, for tests and for the curious. It holds no secret."
  value       = local.user_data
}
