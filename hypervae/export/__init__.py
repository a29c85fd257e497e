"""Jets for other codes: PyG graphs, awkward arrays in parquet, ROOT trees."""
