variable "deployment_id" {
  description = "Name of this one rehearsal; it stands in every name and tag, and the self-destruct goes by it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}[a-z0-9]$", var.deployment_id))
    error_message = "deployment_id: wanted 4 to 32 small letters, digits and -, beginning with a letter; got \"${var.deployment_id}\"."
  }
}

variable "tags" {
  description = "Tags of everything that is made; deployment, environment and role are added."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(setsubtract(["project", "owner", "cost_center"], keys(var.tags))) == 0
    error_message = "tags: missing ${join(", ", setsubtract(["project", "owner", "cost_center"], keys(var.tags)))}."
  }
}

variable "availability_zone" {
  description = "Where all instances are, since a placement group of the kind that is fast doesn't leave its zone."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", var.availability_zone))
    error_message = "availability_zone: wanted a zone such as us-east-1a, got \"${var.availability_zone}\"."
  }
}

variable "nodes" {
  description = <<-EOT
    The instances by hostname. `price_hour_max` is the most that an hour may cost in USD: a spot instance never costs more, and
    none comes while the market asks for more. `requirements` are held against what AWS says of the type.
  EOT
  type = map(object({
    role           = string
    instance_type  = string
    profile        = string
    price_hour_max = number
    root_gb        = optional(number, 30)
    requirements = optional(object({
      vcpus_min            = optional(number, 1)
      memory_gib_min       = optional(number, 1)
      local_drives_min     = optional(number, 0)
      local_storage_gb_min = optional(number, 0)
      nic_gbps_min         = optional(number, 0)
    }), {})
  }))
  nullable = false

  validation {
    condition     = length(var.nodes) > 0 && alltrue([for hostname in keys(var.nodes) : can(regex("^[a-z][a-z0-9-]{0,61}[a-z0-9]$", hostname))])
    error_message = "nodes: wanted hostnames of small letters, digits and -, at least one; got ${jsonencode(keys(var.nodes))}."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : contains(["control-plane", "validator"], node.role)])
    error_message = "nodes: wanted the role control-plane or validator, got ${jsonencode([for node in values(var.nodes) : node.role])}."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : try(yamldecode(node.profile).schema, null) == 1])
    error_message = "nodes: wanted profiles in YAML with `schema: 1`. Next: nodeagent profile validate FILE."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : !can(regex("PRIVATE KEY|password", node.profile))])
    error_message = "nodes: user data can be read by every process of the instance, so no secret may stand in a profile."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : node.price_hour_max > 0 && node.root_gb >= 8])
    error_message = "nodes: wanted a price_hour_max above 0 USD and a root_gb of 8 or more."
  }
}

variable "ssh_public_key" {
  description = "Public key that may log in as admin."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp[0-9]+) [A-Za-z0-9+/=]+( .*)?$", var.ssh_public_key))
    error_message = "ssh_public_key: wanted one line such as \"ssh-ed25519 AAAA... you@example.com\"."
  }
}

variable "admin_cidrs" {
  description = "Networks from which operators log in; nobody else may."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.admin_cidrs) > 0 && alltrue([for cidr in var.admin_cidrs : can(cidrhost(cidr, 0)) && try(tonumber(split("/", cidr)[1]) >= 16, false)])
    error_message = "admin_cidrs: wanted networks of at most a /16, such as 203.0.113.7/32, got ${jsonencode(var.admin_cidrs)}."
  }
}

variable "network_cidr" {
  description = "Private network of the rehearsal."
  type        = string
  default     = "10.42.0.0/24"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.network_cidr, 0)) && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.network_cidr))
    error_message = "network_cidr: wanted a private network such as 10.42.0.0/24, got \"${var.network_cidr}\"."
  }
}

variable "ami" {
  description = "Image of the instances. Null takes the newest Debian 12 of Debian's own account."
  type        = string
  default     = null

  validation {
    condition     = var.ami == null || can(regex("^ami-[0-9a-f]+$", var.ami))
    error_message = "ami: wanted an id such as ami-0123456789abcdef0, got \"${coalesce(var.ami, "null")}\"."
  }
}

variable "bundle" {
  description = "Where the instances get nodeagent from: an archive that `scripts/agent-bundle` makes, and its sum. Null installs nothing."
  type = object({
    url    = string
    sha256 = string
  })
  default = null

  validation {
    condition     = var.bundle == null ? true : can(regex("^https?://[^\\s'\"]+$", var.bundle.url)) && can(regex("^[0-9a-f]{64}$", var.bundle.sha256))
    error_message = "bundle: wanted a url that begins with https:// or http://, and sha256 as 64 digits. Next: sha256sum FILE."
  }
}

variable "hours_per_run" {
  description = "After how many hours everything ends itself."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.hours_per_run >= 1 && var.hours_per_run <= 24 && floor(var.hours_per_run) == var.hours_per_run
    error_message = "hours_per_run: wanted whole hours from 1 to 24, got ${var.hours_per_run}."
  }
}

variable "runs_per_month" {
  description = "How often a month it is rehearsed; the budget goes by it."
  type        = number
  default     = 8
  nullable    = false

  validation {
    condition     = var.runs_per_month >= 1 && floor(var.runs_per_month) == var.runs_per_month
    error_message = "runs_per_month: wanted a whole number above 0, got ${var.runs_per_month}."
  }
}

variable "month_budget_usd" {
  description = "What all rehearsals of a month may cost before tax. A plan that could cost more is refused, and AWS tells when it is nearly spent."
  type        = number
  default     = 500
  nullable    = false

  validation {
    condition     = var.month_budget_usd > 0 && var.month_budget_usd <= 500
    error_message = "month_budget_usd: wanted at most 500 USD, the budget of the staging stage, got ${var.month_budget_usd}."
  }
}

variable "alarm_emails" {
  description = "Who is told at half of the budget, at four fifths, and when AWS expects it to be passed."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.alarm_emails) > 0 && alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "alarm_emails: wanted at least one address, got ${jsonencode(var.alarm_emails)}."
  }
}
