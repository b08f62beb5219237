"""The exercise `p1.laws`: laws of infuse, asked of the true one and of wrong ones."""
