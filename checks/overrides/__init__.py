"""The exercise `p1.overrides`: one change made in several ways."""
