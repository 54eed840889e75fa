variable "name" {
  description = "The name of the network, and the beginning of the names of its parts."
  type        = string
  default     = "promptcdn"
}

variable "cidr" {
  description = "The network's private addresses."
  type        = string
  default     = "10.90.0.0/20"

  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.).*/(1[6-9]|2[0-2])$", var.cidr)) && can(cidrhost(var.cidr, 0))
    error_message = "cidr is a private network of /16 to /22, like 10.90.0.0/20."
  }
}

variable "zones" {
  description = "The availability zones, like [\"eu-central-1a\", \"eu-central-1b\"]."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 8 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones names two to eight different zones: a balancer needs two."
  }
}
