# The service on Fargate. A task has CPU after its answers too, so that a picture whose reader left is finished.

locals {
  port       = 8080
  public_url = var.public_url != null ? var.public_url : "https://${var.domain != null ? var.domain.name : one(aws_cloudfront_distribution.service[*].domain_name)}"
  redis_url  = one(aws_elasticache_replication_group.redis[*].primary_endpoint_address)
  settings = merge(
    {
      PROMPTCDN_STORE           = "s3://${aws_s3_bucket.pictures.bucket}"
      AWS_DEFAULT_REGION        = data.aws_region.here.name
      PROMPTCDN_MISSES          = var.misses
      PROMPTCDN_BUDGET          = var.budget
      PROMPTCDN_TRUSTED_PROXIES = var.network.cidr # the balancer, and CloudFront's interfaces before it
      PROMPTCDN_GRACE           = tostring(var.grace)
      PROMPTCDN_MEMORY          = tostring(var.memory * 1024 * 1024 / 4)
      PROMPTCDN_PUBLIC_URL      = local.public_url
      PROMPTCDN_LOG             = "json" # the alarms read it
      PORT                      = tostring(local.port)
      TMPDIR                    = "/data" # the one folder that can be written
    },
    # Once a password is set, the URL is a secret: PROMPTCDN_REDIS_URL in secrets.
    var.redis == null || contains(keys(var.secrets), "PROMPTCDN_REDIS_URL") ? {} : { PROMPTCDN_REDIS_URL = "rediss://${local.redis_url}:6379/0" },
    var.settings,
  )
}

data "aws_region" "here" {}

resource "aws_ecs_cluster" "service" {
  #checkov:skip=CKV_AWS_65:Container Insights costs as much as a small task, and no alarm here reads it
  name = var.name
}

resource "aws_ecs_task_definition" "service" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  task_role_arn            = aws_iam_role.service.arn
  execution_role_arn       = aws_iam_role.start.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  # The task's own disk. It belongs to the image's user, since the image has a VOLUME there. It ends with the task.
  volume {
    name = "data"
  }

  container_definitions = jsonencode([{
    name                   = "promptcdn"
    image                  = var.image
    essential              = true
    user                   = "10001"
    readonlyRootFilesystem = true
    stopTimeout            = var.grace + 10
    portMappings           = [{ containerPort = local.port, hostPort = local.port, protocol = "tcp" }]
    mountPoints            = [{ sourceVolume = "data", containerPath = "/data", readOnly = false }]
    volumesFrom            = []
    systemControls         = []
    linuxParameters        = { capabilities = { drop = ["ALL"], add = [] } }
    environment            = [for name, value in local.settings : { name = name, value = value }]
    secrets                = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.service.name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = "promptcdn"
        # A task whose log nobody takes goes on answering.
        mode            = "non-blocking"
        max-buffer-size = "4m"
      }
    }
  }])
}

resource "aws_security_group" "service" {
  name_prefix = "${var.name}-service-"
  description = "promptcdn: asked by the balancer alone"
  vpc_id      = var.network.vpc_id
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  description                  = "The balancer asks"
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_vpc_security_group_egress_rule" "service" {
  description       = "The image generator, the bucket, the log, Redis"
  security_group_id = aws_security_group.service.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_ecs_service" "service" {
  name                               = var.name
  cluster                            = aws_ecs_cluster.service.id
  task_definition                    = aws_ecs_task_definition.service.arn
  desired_count                      = var.replicas.min
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  propagate_tags                     = "SERVICE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 30

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    #checkov:skip=CKV_AWS_333:A public address is the way out without a NAT gateway, which costs more than the task; nothing gets in but from the balancer
    subnets          = var.network.public_subnets
    security_groups  = [aws_security_group.service.id]
    assign_public_ip = var.network.public_ip
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.service.arn
    container_name   = "promptcdn"
    container_port   = local.port
  }

  lifecycle {
    ignore_changes = [desired_count] # the load decides
  }

  depends_on = [aws_lb_listener.http, aws_iam_role_policy.start, aws_iam_role_policy.service]
}

resource "aws_appautoscaling_target" "service" {
  count              = var.replicas.max > var.replicas.min ? 1 : 0
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.service.name}/${aws_ecs_service.service.name}"
  min_capacity       = var.replicas.min
  max_capacity       = var.replicas.max
}

resource "aws_appautoscaling_policy" "service" {
  count              = length(aws_appautoscaling_target.service)
  name               = "${var.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.service[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.service[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.service[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 600 # the pictures in a task's memory go with it
    scale_out_cooldown = 60
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
