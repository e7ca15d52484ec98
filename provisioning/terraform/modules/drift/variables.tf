variable "server" {
  description = "The server as it was asked for: an entry of the inventory."
  type = object({
    server_id  = string
    hostname   = string
    plan       = string
    region     = string
    image      = string
    private_ip = optional(string)
  })
  nullable = false
}
