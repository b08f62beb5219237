# PostgreSQL. An *instance* is a call of this function, or a target infused through `__input`.
#
# An instance has a name, a port, and a data folder of its own. The data folder comes from the template, unless
# a oneshot named in `after` has made it before (a replica's is copied from its primary).
{ six, pkgs, targets
, name ? "pg"
, port ? 5432
, folder ? "/var/lib/postgresql/${name}"
, settings ? { }
, access ? [
    "local all all trust"
    "host all all 127.0.0.1/32 trust"
    "host replication all 127.0.0.1/32 trust"
  ]
, after ? [ targets.pg-template ]
, down-signal ? "SIGINT"
, timeout-kill ? 10000
, finish ? null
}:

let
  inherit (builtins) attrNames concatStringsSep isBool isInt map replaceStrings toString;

  value = v:
    if isBool v then (if v then "on" else "off")
    else if isInt v then toString v
    else "'${replaceStrings [ "'" ] [ "''" ] v}'";
  # For a laboratory: little memory, and no compiler of queries, whose library the image leaves out.
  all = {
    inherit port;
    listen_addresses = "127.0.0.1";
    unix_socket_directories = sockets;
    shared_buffers = "8MB";
    max_connections = 20;
    max_wal_size = "16MB";
    min_wal_size = "2MB";
    jit = false;
    cluster_name = name;
  } // settings;
  sockets = "/run/postgresql/${name}";
  conf = pkgs.writeText "postgresql.conf" (lines (map (key: "${key} = ${value all.${key}}") (attrNames all)));
  hba = pkgs.writeText "pg_hba.conf" (lines access);
  lines = list: concatStringsSep "" (map (line: "${line}\n") list);
in
six.mkFunnel {
  inherit name down-signal timeout-kill;
  notification-fd = 3;
  timeout-up = 15000;
  timeout-down = 15000;
  # postgres refuses to be root. It does not tell when it is ready: s6-notifyoncheck asks ./data/check.
  run = ''
    exec 2>&1
    set -e
    mkdir -p ${sockets}
    chown postgres: ${sockets} 2>/dev/null || :
    if ! [ -e ${folder} ]; then
        rm -rf ${folder}.new
        cp -a ${pkgs.postgres-template} ${folder}.new
        mv -T ${folder}.new ${folder}
    fi
    exec s6-notifyoncheck -d -n 0 -w 50 ${pkgs.as} postgres \
        ${pkgs.postgresql}/postgres -D ${folder} -c config_file=${conf} -c hba_file=${hba}
  '';
  data.check = "#!/bin/sh\nexec ${pkgs.postgresql}/pg_isready -q -U postgres -h ${sockets} -p ${toString port}\n";
  # After each death, however it died (https://skarnet.org/software/s6/servicedir.html). 125: do not start again.
  finish = if finish != null then finish else ''
    echo "finish: exit code $1, signal $2"
    for part in PG_VERSION global/pg_control; do
        [ -s ${folder}/$part ] || { echo "finish: ${folder}/$part is gone: not started again"; exit 125; }
    done
  '';
  # `port` for those who want to reach it: a service is a value, and can be asked.
  passthru = { inherit after port; before = [ targets.default ]; };
}
