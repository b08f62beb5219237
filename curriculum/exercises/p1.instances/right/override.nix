# Plain Nix: `override` and `//`, level by level. finish asks another way, and the access rule is another one.
final:
let
  instance = name: port: change: _: final.targets.pg.override (args: args // { inherit name port; } // change args);
in
{
  targets.from-pg = _: final.services.postgres-copy { name = "from-pg"; folder = "/var/lib/postgresql/follower"; };
  targets.pg-replica = instance "pg-replica" 5433 (args: {
    folder = "/var/lib/postgresql/follower";
    after = [ final.targets.from-pg ];
  });
  targets.keys = _: final.services.certificate { name = "keys"; };
  targets.pg-tls = instance "pg-tls" 5434 (args: {
    settings = args.settings // {
      ssl = true;
      ssl_cert_file = "/var/lib/certificates/keys/cert.pem";
      ssl_key_file = "/var/lib/certificates/keys/key.pem";
    };
    access = [ "hostnossl all,replication all 0.0.0.0/0 reject" ] ++ args.access;
    after = [ final.targets.keys final.targets.pg ];
  });
  targets.pg-steady = instance "pg-steady" 5435 (args: {
    down-signal = "SIGINT";
    finish = ''
      #!/bin/bash
      echo $1 $2 >>/run/pg-steady.deaths
      cd /var/lib/postgresql/pg-steady && [ -s PG_VERSION ] && [ -s global/pg_control ] && exit 0
      exit 125
    '';
  });
}
