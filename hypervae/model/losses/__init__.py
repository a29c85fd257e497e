"""The terms of the loss, each a small function, and their sum (`terms`)."""
