"""Real traffic of real providers, replayed under the instrumentors."""
