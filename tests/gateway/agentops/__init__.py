"""AgentOps' contract: written and read by its own clients, and by hand."""
