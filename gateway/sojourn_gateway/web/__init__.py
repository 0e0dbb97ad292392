"""The pages: each is a query, a view dataclass and a template, over the same queries as the APIs."""
