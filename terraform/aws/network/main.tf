# A small network for promptcdn, without a NAT gateway: it would cost more than all the rest of a small service.
# In public subnets tasks reach the image generator from addresses of their own, and nothing reaches the tasks but the
# balancer. In private ones are the balancer and Redis.

resource "aws_vpc" "network" {
  #checkov:skip=CKV2_AWS_11:A flow log costs more than it tells here: security groups let in the balancer alone
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# The group that is there by default lets nobody in or out.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.network.id
}

# CloudFront asks for one in the network of a VPC origin, though no request comes through it.
resource "aws_internet_gateway" "network" {
  vpc_id = aws_vpc.network.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "public" {
  for_each          = { for index, zone in var.zones : zone => index }
  vpc_id            = aws_vpc.network.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, each.value)
  tags              = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each          = { for index, zone in var.zones : zone => index }
  vpc_id            = aws_vpc.network.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, 8 + each.value)
  tags              = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.network.id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.network.id
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

data "aws_region" "here" {}

# Pictures go to and from the bucket within AWS, and for nothing.
resource "aws_vpc_endpoint" "bucket" {
  vpc_id            = aws_vpc.network.id
  service_name      = "com.amazonaws.${data.aws_region.here.name}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.public.id]
}
