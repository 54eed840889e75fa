mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
      domain_validation_options = [{
        domain_name           = "pictures.example.org"
        resource_record_name  = "_1.pictures.example.org."
        resource_record_type  = "CNAME"
        resource_record_value = "_2.acm-validations.aws."
      }]
    }
  }
}

variables {
  # Those of the service, which is not looked at here.
  image   = "example.org/promptcdn@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  bucket  = "pictures-of-example"
  secrets = {}
  network = { vpc_id = "vpc-1", cidr = "10.90.0.0/20", public_subnets = ["a"], private_subnets = ["b", "c"] }

  name    = "pictures.example.org"
  zones   = ["us-east-1a", "us-east-1b"]
  zone_id = "Z123"
}

run "the_network_is_what_the_service_takes" {
  module {
    source = "./network"
  }

  assert {
    condition     = output.network.cidr == "10.90.0.0/20" && length(output.network.public_subnets) == 2 && length(output.network.private_subnets) == 2
    error_message = "There are two zones with two subnets each."
  }
  assert {
    condition     = length(distinct([for each in concat(values(aws_subnet.public), values(aws_subnet.private)) : each.cidr_block])) == 4
    error_message = "No two subnets have the same addresses."
  }
}

run "a_network_in_one_zone_is_refused" {
  command = plan
  module {
    source = "./network"
  }
  variables {
    zones = ["us-east-1a"]
    cidr  = "8.8.8.0/24"
  }
  expect_failures = [var.zones, var.cidr]
}

run "the_certificate_is_what_the_service_takes" {
  module {
    source = "./certificate"
  }
  assert {
    condition     = output.domain.name == "pictures.example.org" && output.domain.zone_id == "Z123"
    error_message = "The certificate is for the name."
  }
  assert {
    condition     = aws_route53_record.proof.name == "_1.pictures.example.org." && aws_route53_record.proof.records == toset(["_2.acm-validations.aws."])
    error_message = "The record proves that the name is the operator's."
  }
}
