# The Redis that replicas share: money, leases and rates, and nothing that cannot be lost. docs/scaling.md

resource "aws_security_group" "redis" {
  count       = var.redis == null ? 0 : 1
  name_prefix = "${var.name}-redis-"
  description = "Redis: asked by promptcdn alone"
  vpc_id      = var.network.vpc_id
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "redis" {
  count                        = var.redis == null ? 0 : 1
  description                  = "promptcdn asks"
  security_group_id            = aws_security_group.redis[0].id
  referenced_security_group_id = aws_security_group.service.id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_elasticache_subnet_group" "redis" {
  count      = var.redis == null ? 0 : 1
  name       = var.name
  subnet_ids = var.network.private_subnets
}

resource "aws_elasticache_parameter_group" "redis" {
  count  = var.redis == null ? 0 : 1
  name   = var.name
  family = "redis7"
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction" # what is evicted of the budget's count would be spent again
  }
}

resource "aws_elasticache_replication_group" "redis" {
  #checkov:skip=CKV_AWS_31:TLS is on; a password here would be in Terraform's state, so it is set by hand: docs/deploy/aws.md
  #checkov:skip=CKV_AWS_191:AWS's own key: what is in it are counts and leases
  #checkov:skip=CKV2_AWS_50:With copies = 2 or more another one stands in by itself
  count                      = var.redis == null ? 0 : 1
  replication_group_id       = var.name
  description                = "promptcdn: the budget's count, leases, rates"
  engine                     = "redis"
  engine_version             = "7.1"
  node_type                  = var.redis.node_type
  num_cache_clusters         = var.redis.copies
  automatic_failover_enabled = var.redis.copies > 1
  multi_az_enabled           = var.redis.copies > 1
  parameter_group_name       = aws_elasticache_parameter_group.redis[0].name
  subnet_group_name          = aws_elasticache_subnet_group.redis[0].name
  security_group_ids         = [aws_security_group.redis[0].id]
  transit_encryption_enabled = true
  at_rest_encryption_enabled = true
  auto_minor_version_upgrade = true

  lifecycle {
    ignore_changes = [auth_token, auth_token_update_strategy] # set by hand, so that no state has it
  }
}
