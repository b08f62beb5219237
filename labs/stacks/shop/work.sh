#!/bin/sh
# work NAME SECONDS [NEED...]: a service for lessons on order. It does nothing, and takes its time to do it.
#
# What it needs must be there when it begins, or it ends with 1, as many a program does that cannot reach its
# database. After SECONDS it is ready, and runs until it is stopped. /run/shop/diary tells what happened when, in
# seconds since the computer's boot (proc_uptime(5)).
name=$1 seconds=$2
shift 2
mkdir -p /run/shop
tell() {
    read -r now _ </proc/uptime
    echo "$now $name $*" >>/run/shop/diary
}
for need; do
    /bin/sh /opt/lab/there.sh "$need" || {
        tell "lacks $need"
        echo "$name: $need is not there" >&2
        exit 1
    }
done
tell begins
sleep "$seconds"
echo $$ >"/run/shop/$name"
tell ready
echo "$name is ready"
# Wait for ever, without a child that would be left over when this shell is killed.
[ -p "/run/shop/$name.wait" ] || mkfifo "/run/shop/$name.wait"
exec 3<>"/run/shop/$name.wait"
read -r _ <&3
