# hint: does-not-load
# Markdown where Python is asked for.
# SixOS Architecture Analysis

SixOS is an operating system without systemd.
