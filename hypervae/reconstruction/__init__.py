"""Held-out jets through a trained model: their place in latent space, and what comes back."""
