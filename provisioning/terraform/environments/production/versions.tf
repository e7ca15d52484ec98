terraform {
  required_version = ">= 1.11"

  required_providers {
    cherryservers = {
      source  = "cherryservers/cherryservers"
      version = "1.5.3"
    }
  }
}
