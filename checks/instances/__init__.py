"""The exercise `p1.instances`: instances of one PostgreSQL, booted and connected to."""
