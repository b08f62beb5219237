"""The exercise `p0.order`: services in an order, asked with random graphs."""
