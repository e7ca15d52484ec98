"""Operations at Cherry Servers that its Terraform provider lacks: access, stock, orphans, costs, consoles, power.

Each is a function of an Api and what it was asked; all HTTP is in api.py.
"""
