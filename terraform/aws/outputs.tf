output "url" {
  description = "Where the service answers."
  value       = local.public_url
}

output "balancer" {
  description = "The balancer's name within the network."
  value       = aws_lb.service.dns_name
}

output "distribution" {
  description = "CloudFront's id of the distribution, for invalidations after a takedown."
  value       = one(aws_cloudfront_distribution.service[*].id)
}

output "redis" {
  description = "The host name of Redis, for PROMPTCDN_REDIS_URL with a password."
  value       = local.redis_url
}

output "bucket" {
  description = "The bucket that holds the pictures."
  value       = aws_s3_bucket.pictures.bucket
}

output "task_role" {
  description = "The service's own role. Whoever runs promptcdn warm or doctor on the bucket needs the same rights."
  value       = aws_iam_role.service.arn
}

output "doctor" {
  description = "The command that runs promptcdn doctor as a task. What it finds is in the log."
  value = join(" ", [
    "aws ecs run-task --cluster ${aws_ecs_cluster.service.name} --task-definition ${aws_ecs_task_definition.service.family} --launch-type FARGATE",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", var.network.public_subnets)}],securityGroups=[${aws_security_group.service.id}],assignPublicIp=${var.network.public_ip ? "ENABLED" : "DISABLED"}}'",
    "--overrides '{\"containerOverrides\":[{\"name\":\"promptcdn\",\"command\":[\"doctor\"]}]}'",
  ])
}
