variable "bucket" {
  description = "Name of the bucket, which nobody else in the world may have."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where the bucket is: near those who run Terraform, and not where the servers are."
  type        = string
  default     = "eu-north-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: wanted a region of AWS such as eu-north-1, got \"${var.region}\"."
  }
}

variable "owner" {
  description = "Who answers for the bucket; a tag."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.owner) > 0
    error_message = "owner: wanted a name."
  }
}

variable "cost_center" {
  description = "What the bucket is booked on; a tag."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.cost_center) > 0
    error_message = "cost_center: wanted a name."
  }
}

variable "kms_key_arn" {
  description = "Key of yours that encrypts the state. Without one S3 encrypts with a key of its own."
  type        = string
  default     = null
}

variable "kept_versions" {
  description = "How many earlier states are kept, however old."
  type        = number
  default     = 50
  nullable    = false
}

variable "kept_days" {
  description = "How many days every earlier state is kept, in whatever number."
  type        = number
  default     = 90
  nullable    = false
}
