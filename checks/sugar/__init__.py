"""The exercise `p1.sugar`: a sugar of one's own, by its laws and its errors."""
