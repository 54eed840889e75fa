# promptcdn on AWS, from nothing to https://pictures.example.org: docs/deploy/aws.md goes through it step by step.
# Without a domain of your own, take out `domain`, the module `certificate` and the two variables for it.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.82, < 7"
    }
  }
}

variable "region" {
  description = "Where everything is, like eu-central-1."
  type        = string
}

variable "image" {
  description = "The container, by its digest."
  type        = string
}

variable "bucket" {
  description = "The name of the bucket that is made for the pictures."
  type        = string
}

variable "secrets" {
  description = "The ARNs of the secret settings, by their names."
  type        = map(string)
}

variable "domain" {
  description = "The host name, like pictures.example.org."
  type        = string
}

variable "zone_id" {
  description = "The hosted zone of Route 53 that the domain belongs to."
  type        = string
}

variable "email" {
  description = "Who is told of alarms."
  type        = string
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { Service = "promptcdn" }
  }
}

# CloudFront's certificates are there, wherever the service is.
provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"
}

module "network" {
  source = "../../network"
  # Not every account has these two: aws ec2 describe-availability-zones shows yours.
  zones = ["${var.region}a", "${var.region}b"]
}

module "certificate" {
  source    = "../../certificate"
  providers = { aws = aws.us_east_1 }
  name      = var.domain
  zone_id   = var.zone_id
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:What is said here is said by e-mail as well
  name = "promptcdn-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.email
}

module "promptcdn" {
  source       = "../.."
  network      = module.network.network
  image        = var.image
  bucket       = var.bucket
  secrets      = var.secrets
  domain       = module.certificate.domain
  budget       = "100/day"
  replicas     = { min = 2, max = 4 }
  redis        = {}
  alarm_topics = [aws_sns_topic.alarms.arn]
}

output "url" {
  description = "Where the service answers."
  value       = module.promptcdn.url
}

output "redis" {
  description = "The host name of Redis, for its password."
  value       = module.promptcdn.redis
}

output "distribution" {
  description = "CloudFront's id, for invalidations."
  value       = module.promptcdn.distribution
}

output "doctor" {
  description = "The command that runs promptcdn doctor."
  value       = module.promptcdn.doctor
}
