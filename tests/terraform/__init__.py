"""Terraform itself, driven against Cherry Servers in miniature."""
