# A oneshot: the data folder of a replica, copied from the primary that runs. `-R` writes where to go
# on reading from (primary_conninfo) and an empty file, standby.signal, which makes it follow, not lead.
{ six, pkgs, targets
, name ? "pg-copy"
, folder
, primary ? targets.pg
, port ? primary.passthru.port
}:

six.mkOneshot {
  inherit name;
  timeout-up = 60000;
  up = [ "/bin/sh" "-ec" ''
    [ -e ${folder} ] && exit
    rm -rf ${folder}.new
    mkdir -p -m 700 ${folder}.new
    chown postgres: ${folder}.new 2>/dev/null || :
    ${pkgs.as} postgres ${pkgs.postgresql}/pg_basebackup --no-sync --checkpoint=fast -R \
        -d "host=127.0.0.1 port=${toString port} user=postgres application_name=${name}" -D ${folder}.new
    mv -T ${folder}.new ${folder}
  '' ];
  passthru.after = [ primary ];
}
