"""The service model: what a lab runs, declared once, rendered for every init."""
