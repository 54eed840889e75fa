output "network" {
  description = "What the module of the service takes as network."
  value = {
    vpc_id          = aws_vpc.network.id
    cidr            = aws_vpc.network.cidr_block
    public_subnets  = [for zone in var.zones : aws_subnet.public[zone].id]
    private_subnets = [for zone in var.zones : aws_subnet.private[zone].id]
    public_ip       = true
  }
  # Without a way out a task cannot fetch its image.
  depends_on = [aws_route.internet, aws_route_table_association.public]
}
