"""The exercise `p0.run-script`: one run script, booted."""
