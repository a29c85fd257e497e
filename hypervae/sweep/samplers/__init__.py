"""How a sweep chooses the values of its next trial; one module a sampler."""
