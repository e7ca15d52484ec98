variable "deployment_id" {
  description = "Name of this one rehearsal, another for each: `echo stg-$(openssl rand -hex 4)`."
  type        = string
  nullable    = false
}

variable "owner" {
  description = "Who answers for the rehearsal; a tag."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.owner) > 0
    error_message = "owner: wanted a name."
  }
}

variable "cost_center" {
  description = "What the rehearsal is booked on; a tag."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.cost_center) > 0
    error_message = "cost_center: wanted a name."
  }
}

variable "availability_zone" {
  description = "Where all instances are. The prices below are those of us-east-1."
  type        = string
  default     = "us-east-1a"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", var.availability_zone))
    error_message = "availability_zone: wanted a zone such as us-east-1a, got \"${var.availability_zone}\"."
  }
}

variable "ssh_public_key" {
  description = "Public key that may log in as admin."
  type        = string
  nullable    = false
}

variable "admin_cidrs" {
  description = "Networks from which operators log in; nobody else may."
  type        = set(string)
  nullable    = false
}

variable "alarm_emails" {
  description = "Who is told before the budget is spent."
  type        = set(string)
  nullable    = false
}

variable "bundle" {
  description = "Where the instances get nodeagent from: an archive that `scripts/agent-bundle` makes, and its sum. Null installs nothing."
  type = object({
    url    = string
    sha256 = string
  })
  default = null
}

variable "storage_instance" {
  description = "Type for the drives of ledger and accounts, and the most that an hour of it may cost in USD; its price without spot by default."
  type = object({
    type           = string
    price_hour_max = number
  })
  default  = { type = "i3en.6xlarge", price_hour_max = 2.712 }
  nullable = false
}

variable "cpu_instance" {
  description = "Type for the processor, and the most that an hour of it may cost in USD; its price without spot by default."
  type = object({
    type           = string
    price_hour_max = number
  })
  default  = { type = "m6a.24xlarge", price_hour_max = 4.1472 }
  nullable = false
}

variable "hours_per_run" {
  description = "After how many hours everything ends itself."
  type        = number
  default     = 4
  nullable    = false
}

variable "runs_per_month" {
  description = "How often a month it is rehearsed; the budget goes by it."
  type        = number
  default     = 8
  nullable    = false
}

variable "month_budget_usd" {
  description = "What all rehearsals of a month may cost before tax, at most 500 USD."
  type        = number
  default     = 500
  nullable    = false
}
