"""Jets: the shard layout, where shards come from, and how jets are split."""
