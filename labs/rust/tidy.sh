#!/bin/sh
# Last step of the builder root's build: remove what the building machine and the package tools left behind.
#
# usage: tidy.sh ROOT
set -eu
root=${1:?usage: tidy.sh ROOT}
root=${root%/}
rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root"/etc/dpkg/dpkg.cfg.d/99*
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
# Compilers that no Rust program needs.
rm -f "$root"/usr/libexec/gcc/*/*/lto1 "$root"/usr/libexec/gcc/*/*/lto-wrapper
# The places that are bound from outside when the root is entered.
mkdir -p "$root/work" "$root/cargo" "$root/target"
