"""What several replicas of the service do together, over one Redis."""
