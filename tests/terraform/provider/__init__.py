"""A stand-in for Terraform provider plugins, for machines that can't reach the provider registry.

It speaks plugin protocol 6, as terraform-plugin-framework does, from the schema that the real plugin prints
(`terraform providers schema -json`). `cherryservers` makes the same HTTP calls as the real plugin 1.5.3, its defects
included; `aws` has a schema and nothing else, which is what `validate` and `mock_provider` need. Test-only: nothing
here is installed, and where the real plugin is found the tests use that one (`mirror`).
"""
