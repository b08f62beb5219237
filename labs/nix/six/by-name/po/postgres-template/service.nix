# A oneshot: one empty cluster of databases, from which each instance takes its first data folder.
{ six, pkgs, folder ? pkgs.postgres-template }:

six.mkOneshot {
  name = "postgres-template";
  timeout-up = 60000;
  up = [ "/bin/sh" "-ec" ''
    [ -e ${folder} ] && exit
    rm -rf ${folder}.new
    mkdir -p ${folder}.new
    chown postgres: ${folder}.new 2>/dev/null || :
    ${pkgs.as} postgres ${pkgs.postgresql}/initdb --no-sync --wal-segsize=1 --no-locale --encoding=UTF8 \
        --auth=trust --username=postgres -D ${folder}.new >/dev/null
    mv -T ${folder}.new ${folder}
  '' ];
}
