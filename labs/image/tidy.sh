#!/bin/sh
# Last step of a lab image's build: remove what the building machine and the package tools left behind.
#
# usage: tidy.sh ROOT      mmdebstrap's customize hook and the Dockerfile both run this one file.
set -eu
root=${1:?usage: tidy.sh ROOT}
root=${root%/}

# Where the packages came from is the builder's business, and a lab has no network to fetch more.
rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root"/etc/dpkg/dpkg.cfg.d/99*
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
[ -e "$root/var/lib/dpkg/info/ca-certificates.list" ] || rm -rf "$root/etc/ssl/certs/ca-certificates.crt"

# The building machine's names. An empty machine-id makes systemd invent one at each boot without
# taking the boot for the first one (machine-id(5)).
umask 022
rm -f "$root/etc/hostname" "$root/etc/hosts" "$root/etc/resolv.conf" || true # Docker mounts its own here
echo lab >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost lab\n::1\tlocalhost\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"

# Logs and backups of the installation itself, and caches made again when needed.
rm -f "$root"/var/log/*.log "$root"/var/log/apt/* "$root"/var/log/bootstrap.log
rm -f "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root/var/cache/ldconfig/aux-cache"
rm -f "$root/etc/passwd-" "$root/etc/shadow-" "$root/etc/group-" "$root/etc/gshadow-"
rm -rf "$root"/var/tmp/* "$root"/run/*
# Not /tmp: mmdebstrap keeps apt's settings there until after this step, and without them its last apt-get
# would work on the building machine's own package lists.

# PostgreSQL's installation makes a cluster of databases and a key of its own: labs make theirs, and no two images
# would be the same with them. psql and the other clients are the programs themselves, not Debian's choice among
# clusters, which is written in Perl and asks /etc/postgresql.
rm -rf "$root"/var/lib/postgresql/* "$root"/etc/postgresql/* "$root"/var/log/postgresql/*
rm -f "$root"/etc/ssl/certs/ssl-cert-snakeoil.pem "$root"/etc/ssl/private/ssl-cert-snakeoil.key
find "$root/etc/ssl/certs" -xtype l -delete 2>/dev/null || true
for program in "$root"/usr/lib/postgresql/*/bin/*; do
    link=$root/usr/bin/${program##*/}
    [ ! -L "$link" ] || ln -sf "..${program#"$root/usr"}" "$link"
done
find "$root/usr/bin" -lname '*/pg_wrapper' -delete

# Debian's way to keep services from starting during installation; in a lab they must start.
rm -f "$root/usr/sbin/policy-rc.d"
