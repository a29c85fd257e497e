"""Training: streamed batches, the loop, checkpoints."""
