# A network of its own: in by ssh from the operators, anything among the instances, out for packages and the archive.

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11:flow logs cost more than a rehearsal of hours, and its traffic is benchmarks
  cidr_block           = var.network_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = var.deployment_id })
}

# The group that AWS makes by itself lets everything through; this takes its rules away.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${var.deployment_id}-unused" })
}

resource "aws_subnet" "this" {
  # checkov:skip=CKV_AWS_130:operators log in from admin_cidrs, and there is no bastion to pay for
  vpc_id                  = aws_vpc.this.id
  cidr_block              = var.network_cidr
  availability_zone       = var.availability_zone
  map_public_ip_on_launch = true
  tags                    = merge(local.tags, { Name = var.deployment_id })
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = var.deployment_id })
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = var.deployment_id })

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_route_table_association" "this" {
  subnet_id      = aws_subnet.this.id
  route_table_id = aws_route_table.this.id
}

resource "aws_security_group" "this" {
  name        = var.deployment_id
  description = "Instances of the rehearsal ${var.deployment_id}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(local.tags, { Name = var.deployment_id })
}

resource "aws_vpc_security_group_ingress_rule" "ssh" {
  for_each = var.admin_cidrs

  security_group_id = aws_security_group.this.id
  description       = "ssh of operators"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
  tags              = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "inside" {
  security_group_id            = aws_security_group.this.id
  description                  = "anything among the instances"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "-1"
  tags                         = local.tags
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  security_group_id            = aws_security_group.this.id
  description                  = "anything among the instances"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "-1"
  tags                         = local.tags
}

resource "aws_vpc_security_group_egress_rule" "web" {
  for_each = { http = 80, https = 443 }

  security_group_id = aws_security_group.this.id
  description       = "packages of Debian and the archive of nodeagent"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
  tags              = local.tags
}
