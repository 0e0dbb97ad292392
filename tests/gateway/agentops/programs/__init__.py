"""Programs of AgentOps' users, run as they are by its own clients: each in an environment that `make` prepares."""
