variable "hostnames" {
  description = "Names of the servers; each name is one server, and taking a name out plans to destroy its server."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.hostnames) > 0
    error_message = "hostnames: wanted at least one name."
  }
}

variable "project_id" {
  description = "Number of the Cherry Servers project that is billed."
  type        = number
  nullable    = false
}

variable "plan" {
  description = "Slug of the plan to buy."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Slug of the region, as module catalogue gives it."
  type        = string
  nullable    = false
}

variable "catalogue" {
  description = "What is on sale: output `plans` of module catalogue."
  type = map(object({
    slug         = string
    name         = string
    cores        = number
    threads      = number
    memory_gb    = number
    drives_gb    = list(number)
    nic_gbps     = number
    month_prices = map(number)
    currency     = string
    regions      = list(string)
    stock        = number
    images       = list(string)
  }))
  nullable = false
}

variable "requirements" {
  description = <<-EOT
    What the plan must have; module node says more. The defaults are the project's: an EPYC 7302P has 16 cores, with 64 GB
    and 1 TB of NVMe.
  EOT
  type = object({
    cores_min       = optional(number, 16)
    threads_min     = optional(number, 0)
    threads_max     = optional(number, 1024)
    memory_gb_min   = optional(number, 64)
    drives_gb_min   = optional(list(number), [960])
    nic_gbps_min    = optional(number, 10)
    price_month_max = optional(number)
    price_currency  = optional(string, "EUR")
  })
  default  = {}
  nullable = false
}

variable "image" {
  description = "Slug of the operating system."
  type        = string
  default     = "debian_12_64bit"
  nullable    = false
}

variable "ssh_key_ids" {
  description = "Numbers of the keys that may log in after the installation."
  type        = set(string)
  nullable    = false
}

variable "tags" {
  description = "Tags of the servers; `role` is added."
  type        = map(string)
  nullable    = false
}

variable "cycle" {
  description = "How the servers are billed."
  type        = string
  default     = "monthly"
  nullable    = false
}

variable "bundle" {
  description = "Where the servers get nodeagent from; module node says more. Null installs nothing."
  type = object({
    url    = optional(string)
    path   = optional(string)
    sha256 = string
  })
  default = null
}

variable "profile" {
  description = "The profile of nodeagent as YAML (docs/profiles.md)."
  type        = string
  default     = <<-EOT
    schema: 1
    summary: a node of our control plane
    extends: [control-plane]
  EOT
  nullable    = false
}

variable "protected" {
  description = "Refuse every plan that would destroy or replace a server of these."
  type        = bool
  default     = true
  nullable    = false
}
