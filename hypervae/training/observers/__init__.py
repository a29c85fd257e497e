"""What watches a training: messages, progress, TensorBoard, the history's file, the monitor."""
