"""How clients reach the cloud at its real name: a loopback proxy that knows one host, and that host's certificate."""
