# What the catalogue's template "vm" becomes on EC2, for Terraform: tools/bench_aws.py runs it against the lab.
variable "hosts" { type = number }
variable "ami" { type = string }
variable "public_key" { type = string }

provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  default_tags { tags = { im_bench = "terraform" } }
}

resource "aws_vpc" "bench" { cidr_block = "10.0.0.0/16" }

resource "aws_subnet" "bench" {
  vpc_id     = aws_vpc.bench.id
  cidr_block = "10.0.0.0/20"
}

resource "aws_internet_gateway" "bench" { vpc_id = aws_vpc.bench.id }

resource "aws_route_table" "bench" {
  vpc_id = aws_vpc.bench.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.bench.id
  }
}

resource "aws_route_table_association" "bench" {
  subnet_id      = aws_subnet.bench.id
  route_table_id = aws_route_table.bench.id
}

resource "aws_security_group" "inside" {
  name   = "bench-inside"
  vpc_id = aws_vpc.bench.id
  ingress {
    from_port = 0
    to_port   = 0
    protocol  = "-1"
    self      = true
  }
}

resource "aws_security_group" "ssh" {
  name   = "bench-ssh"
  vpc_id = aws_vpc.bench.id
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_key_pair" "bench" {
  key_name   = "bench-terraform"
  public_key = var.public_key
}

resource "aws_instance" "bench" {
  count                       = var.hosts
  ami                         = var.ami
  instance_type               = "t3.micro"
  subnet_id                   = aws_subnet.bench.id
  associate_public_ip_address = true
  key_name                    = aws_key_pair.bench.key_name
  vpc_security_group_ids      = [aws_security_group.inside.id, aws_security_group.ssh.id]
  metadata_options { http_tokens = "required" }
  root_block_device {
    encrypted   = true
    volume_type = "gp3"
  }
  tags = { Name = "bench-${count.index}" }
}
