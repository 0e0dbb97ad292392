"""One module per HTTP contract: presentation only, over the same queries and the same ingest."""
