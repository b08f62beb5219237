"""One module for each init: its rendering of a manifest, its PID 1, its own commands, its status.

`registry.get("runit")` gives an `Init` (see `base`). The native files come from the templates in
`labs/inits/<init>/`; what the inits share is in `plan` (order, notes), `shell` (words), `readiness`
(checks) and `templates`.
"""
