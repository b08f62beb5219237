#!/bin/sh
# Builds the Alpine lab image: a base system, and the packages that its own apk adds to it.
#
# usage: alpine.sh folder|archive ROOT BASE RESOLVER REPOSITORIES PACKAGE…
#
# BASE is the tar.gz of the base system, ROOT the folder to build in; with `archive` the tree goes to standard output
# as a tar, and ROOT is removed. RESOLVER is the resolv.conf(5) to build with; REPOSITORIES are addresses, in one word.
# Run as root, or as root of a user namespace, with a mount namespace of its own. apk checks every package by the
# base system's keys (apk-keys(5)).
set -eu
as=$1 root=$2 base=$3 resolver=$4 repositories=$5
shift 5
exec 3>&1 >&2 # standard output is for the archive alone

clean() {
    status=$?
    for place in proc dev; do umount -l "$root/$place" 2>/dev/null || :; done
    [ "$as" = folder ] || rm -rf --one-file-system "$root"
    exit "$status"
}
trap clean EXIT

echo "phase: unpacking the base system"
mkdir -p "$root"
tar -xpzf "$base" -C "$root" --numeric-owner --exclude='./dev/*'
mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp" "$root/etc/apk"

# Scripts of packages want /dev/null and /proc; apk wants names resolved.
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
cp -L "$resolver" "$root/etc/resolv.conf" 2>/dev/null || :
printf '%s\n' "$repositories" | tr ' ' '\n' >"$root/etc/apk/repositories"

echo "phase: installing packages"
env PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" apk --no-progress --no-cache add "$@"

echo "phase: tidying up"
for place in proc dev; do umount -l "$root/$place"; done
# Where the packages came from is the builder's business, and a lab has no network to fetch more.
: >"$root/etc/apk/repositories"
rm -rf "$root"/var/cache/apk/* "$root"/var/log/* "$root"/run/* "$root"/tmp/* "$root"/var/tmp/*
# A package's first database or key would be the same in every lab.
rm -rf "$root"/var/lib/postgresql/* "$root"/var/lib/redis/*
rm -f "$root/etc/resolv.conf" "$root/etc/hosts" "$root/etc/hostname"
echo lab >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost lab\n::1\tlocalhost\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
# The labs know PostgreSQL's programs by the folder that Debian has them in.
if [ -d "$root/usr/libexec/postgresql17" ] && [ ! -e "$root/usr/lib/postgresql/17/bin" ]; then
    mkdir -p "$root/usr/lib/postgresql/17"
    ln -s ../../../libexec/postgresql17 "$root/usr/lib/postgresql/17/bin"
fi

[ "$as" = folder ] || tar -c --numeric-owner -C "$root" . >&3
