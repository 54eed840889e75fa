variable "name" {
  description = "The name of the service, and the beginning of the names of all that belongs to it."
  type        = string
  default     = "promptcdn"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name)) # a balancer's name has 32 characters at most
    error_message = "name has 2 to 24 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "image" {
  description = "The container, by its digest, like ACCOUNT.dkr.ecr.REGION.amazonaws.com/promptcdn@sha256:…"
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image ends in @sha256: and 64 hexadecimal digits: a tag can mean another image tomorrow."
  }
}

variable "network" {
  description = "Where the parts are. Tasks need a way out to the image generator: a public address, or a NAT gateway of yours. The balancer and Redis need none. ./network makes such a network."
  type = object({
    vpc_id          = string
    cidr            = string
    public_subnets  = list(string)
    private_subnets = list(string)
    public_ip       = optional(bool, true)
  })

  validation {
    condition     = length(var.network.private_subnets) >= 2 && length(var.network.public_subnets) >= 1
    error_message = "network.private_subnets names two subnets or more in different zones, as a balancer needs them, and network.public_subnets one or more, for the tasks."
  }
  validation {
    condition     = can(regex("^10\\.|^172\\.(1[6-9]|2[0-9]|3[01])\\.|^192\\.168\\.", var.network.cidr)) && can(cidrhost(var.network.cidr, 0))
    error_message = "network.cidr is a private network like 10.90.0.0/20: proxies in it are believed when they say for which client they ask."
  }
}

variable "bucket" {
  description = "The name of the bucket that is made for the pictures. It is unique in all of AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket has 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "deleted_kept_days" {
  description = "For how many days the bucket keeps what was deleted or overwritten, so that a mistake can be undone. A picture that was taken down is gone after these days; nobody is shown it meanwhile."
  type        = number
  default     = 30

  validation {
    condition     = var.deleted_kept_days >= 1 && var.deleted_kept_days <= 3650 && floor(var.deleted_kept_days) == var.deleted_kept_days
    error_message = "deleted_kept_days is a whole number from 1 to 3650."
  }
}

variable "secrets" {
  description = "Secret settings by name, each the ARN of a secret in Secrets Manager or of a parameter in SSM. Their values are never in Terraform's plan or state."
  type        = map(string)

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:|ssm:[a-z0-9-]+:[0-9]{12}:parameter/).+$", arn))])
    error_message = "Each of secrets is the ARN of a secret in Secrets Manager or of a parameter in SSM, and never the secret itself."
  }
  validation {
    condition     = contains(keys(var.secrets), "PROMPTCDN_ADMIN_TOKEN")
    error_message = "secrets names PROMPTCDN_ADMIN_TOKEN: without it everybody can read /metrics, and nobody can take a picture down."
  }
  validation {
    condition     = var.misses != "signed" || contains(keys(var.secrets), "PROMPTCDN_SIGNING_KEYS")
    error_message = "secrets names PROMPTCDN_SIGNING_KEYS while misses is signed: without keys no new picture is made."
  }
}

variable "secret_kms_keys" {
  description = "The ARNs of the KMS keys of your own that secrets are encrypted with. Empty: AWS's own key."
  type        = list(string)
  default     = []
}

variable "settings" {
  description = "More settings of docs/settings.md, like { PROMPTCDN_ENGINE = \"...\" }. They go before those of this module. Secret ones belong in secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = !anytrue([for name in keys(var.settings) : can(regex("KEY$|KEYS$|TOKENS?$|SECRET$|PASSWORD$|REDIS_URL$|WORKER_START$", name)) && name != "PROMPTCDN_DISCORD_PUBLIC_KEY"])
    error_message = "settings has no secret: name the ARN of each in secrets, so that no secret is in Terraform's plan and state."
  }
}

variable "misses" {
  description = "Who may cause new pictures: open (everybody), signed (signed URLs) or closed (nobody)."
  type        = string
  default     = "signed"

  validation {
    condition     = contains(["open", "signed", "closed"], var.misses)
    error_message = "misses is open, signed or closed."
  }
}

variable "budget" {
  description = "How much may be paid for, as PROMPTCDN_BUDGET, like 100/day or 500 credits/month."
  type        = string
  default     = "100/day"

  validation {
    condition     = var.budget != ""
    error_message = "budget is like 100/day or 500 credits/month, or unlimited."
  }
}

variable "grace" {
  description = "How many seconds a task has to finish pictures under way when it is stopped (PROMPTCDN_GRACE). Fargate waits ten seconds longer, and 120 seconds at most."
  type        = number
  default     = 110

  validation {
    condition     = var.grace >= 10 && var.grace <= 110
    error_message = "grace is a number from 10 to 110: Fargate kills a task 120 seconds after it asked it to stop."
  }
}

variable "cpu" {
  description = "A task's processor, in 1/1024 of a core. A task uses one core at most."
  type        = number
  default     = 512

  validation {
    condition     = contains([256, 512, 1024], var.cpu)
    error_message = "cpu is 256, 512 or 1024: a replica is one process on one core."
  }
}

variable "memory" {
  description = "A task's memory in MiB. A quarter of it holds pictures."
  type        = number
  default     = 1024

  validation {
    condition     = var.memory >= 2 * var.cpu && var.memory <= 8 * var.cpu && var.memory % 1024 == 0 || var.cpu == 256 && contains([512, 1024, 2048], var.memory)
    error_message = "memory is what Fargate sells for this cpu: 512, 1024 or 2048 for 256; 1024 to 4096 for 512; 2048 to 8192 for 1024, in steps of 1024."
  }
}

variable "architecture" {
  description = "The processors that the image was built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture is X86_64 or ARM64."
  }
}

variable "replicas" {
  description = "How many tasks there are at least and at most. Between the two the processor's load decides."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 1 }

  validation {
    condition     = var.replicas.min >= 1 && var.replicas.max >= var.replicas.min
    error_message = "replicas.min is 1 or more, and replicas.max is not less."
  }
  validation {
    condition     = var.replicas.max == 1 || var.redis != null || contains(keys(var.secrets), "PROMPTCDN_REDIS_URL")
    error_message = "Several replicas need a Redis (redis, or PROMPTCDN_REDIS_URL in secrets): without one each would spend the budget for itself."
  }
}

variable "redis" {
  description = "The Redis that replicas share, with TLS, reached by the tasks alone. Null: none is made. Its password is set by hand: docs/deploy/aws.md."
  type = object({
    node_type = optional(string, "cache.t4g.micro")
    copies    = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.redis == null || try(var.redis.copies >= 1 && var.redis.copies <= 6, false)
    error_message = "redis.copies is 1 to 6: the primary, and replicas that stand in for it."
  }
}

variable "cloudfront" {
  description = "Whether CloudFront is in front. Without it only your network reaches the balancer: for a cache of your own in it."
  type        = bool
  default     = true
}

variable "origin_timeout" {
  description = "How many seconds CloudFront waits for an answer. More than 60 may need a quota that AWS raised for you. URLs with a longer wait= get CloudFront's own 504 after this time."
  type        = number
  default     = 60

  validation {
    condition     = var.origin_timeout > tonumber(lookup(var.settings, "PROMPTCDN_WAIT", "30")) && var.origin_timeout <= 120
    error_message = "origin_timeout is more than PROMPTCDN_WAIT (30 unless settings has it), and 120 at most: else CloudFront answers 504 where the service is about to answer."
  }
}

variable "origin_shield" {
  description = "Whether one of CloudFront's places asks the service for all others, so that a picture that is new to many places is asked for once."
  type        = bool
  default     = false
}

variable "price_class" {
  description = "From which of CloudFront's places pictures are sent: PriceClass_100 (North America, Europe), PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class is PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "web_acl_arn" {
  description = "The ARN of a web ACL of AWS WAF in us-east-1, to put before CloudFront. Null: none."
  type        = string
  default     = null
}

variable "domain" {
  description = "A domain of your own: its name, its certificate in us-east-1 (./certificate makes one), and the hosted zone of Route 53 that gets its records. Without a zone you make the records yourself. Null: CloudFront's own name."
  type = object({
    name            = string
    certificate_arn = string
    zone_id         = optional(string)
  })
  default = null

  validation {
    condition     = var.domain == null || can(regex("^arn:aws[a-z-]*:acm:us-east-1:", var.domain.certificate_arn))
    error_message = "domain.certificate_arn is a certificate in us-east-1: CloudFront takes no others."
  }
  validation {
    condition     = var.domain == null || can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain.name))
    error_message = "domain.name is a host name like pictures.example.org, without https://."
  }
}

variable "public_url" {
  description = "Where people reach the service, for snippets. Null: the domain's, else CloudFront's."
  type        = string
  default     = null

  validation {
    condition     = var.public_url == null || can(regex("^https?://[^/]+$", var.public_url))
    error_message = "public_url is like https://pictures.example.org."
  }
  validation {
    condition     = var.public_url != null || var.cloudfront
    error_message = "public_url is needed without cloudfront: nothing else knows the name under which people reach the service."
  }
}

variable "alarm_topics" {
  description = "The ARNs of SNS topics that are told when an alarm begins and when it ends."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topics : can(regex("^arn:aws[a-z-]*:sns:", arn))])
    error_message = "Each of alarm_topics is the ARN of an SNS topic."
  }
}

variable "log_days" {
  description = "For how many days log lines are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days is a number that CloudWatch knows, like 7, 14, 30, 90 or 365."
  }
}
