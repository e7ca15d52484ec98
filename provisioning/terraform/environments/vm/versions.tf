terraform {
  required_version = ">= 1.10"

  required_providers {
    cherryservers = {
      source  = "cherryservers/cherryservers"
      version = "1.5.3"
    }
  }
}
