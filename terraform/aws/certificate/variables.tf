variable "name" {
  description = "The host name, like pictures.example.org."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.name))
    error_message = "name is a host name like pictures.example.org."
  }
}

variable "zone_id" {
  description = "The hosted zone of Route 53 that the name belongs to."
  type        = string
}
