variable "name" {
  description = "The name of the service, its account and its secrets."
  type        = string
  default     = "promptcdn"
}

variable "region" {
  description = "Where the service and the bucket are, like europe-west1."
  type        = string
}

variable "image" {
  description = "The container, by its digest, in a registry that Cloud Run can read."
  type        = string
}

variable "bucket" {
  description = "The name of the bucket that is made for the pictures."
  type        = string
}

variable "signing_keys" {
  description = "The keys of signed URLs, like id:secret. New pictures are for signed URLs only."
  type        = string
  sensitive   = true
}

variable "admin_token" {
  description = "Whoever shows it may take pictures down, and read /metrics and the details of /readyz."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[!-~]{16,}$", var.admin_token))
    error_message = "An admin token has at least 16 characters, all of them visible ASCII: openssl rand -hex 16."
  }
}

variable "stability_key" {
  description = "The hosted upstream's key. Without it and without a host pictures are sketches."
  type        = string
  default     = ""
  sensitive   = true
}

variable "stability_host" {
  description = "A server of your own, like grpcs://gpu.example.org:443."
  type        = string
  default     = ""
}

variable "budget" {
  description = "What an instance may pay for."
  type        = string
  default     = "100/day"
}

variable "public_url" {
  description = "Where people reach the service, for snippets, like https://pictures.example.org. Empty: the address that Cloud Run gives."
  type        = string
  default     = ""
}

variable "settings" {
  description = "More settings of docs/settings.md, like { PROMPTCDN_ENGINE = \"...\" }. They go before those of this module."
  type        = map(string)
  default     = {}
}

variable "max_instances" {
  description = "How many instances there may be. Each counts its budget alone, unless PROMPTCDN_REDIS_URL is in settings."
  type        = number
  default     = 1
}
