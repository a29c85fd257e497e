"""Generation of jets into shards."""
