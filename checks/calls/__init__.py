"""Calls of a learner's Python file: made inside a sandbox (`inside`), watched from outside (`outside`)."""
