"""House rules for the Terraform files: what tflint and terraform-docs do, for machines that can't install them.

python -m house_lint            # every rule over every configuration; exit 1 with findings
python -m house_lint docs       # write the tables of the README files; --check tells what is out of date
python -m house_lint coverage   # which test files exercise which module
"""
