"""What must hold before a stage may begin: plan reviews now, later the gates that people attest."""
