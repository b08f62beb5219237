# hint: copied-base
# pg-tls is the service called anew, with what stood in the base on the day it was written.
final:
let
  instance = name: port: change: _: final.infuse final.targets.pg [
    { __input = { name.__assign = name; port.__assign = port; }; }
    { __input = change; }
  ];
in
{
  targets.pg-copy = _: final.services.postgres-copy { folder = "/var/lib/postgresql/pg-replica"; };
  targets.pg-replica = instance "pg-replica" 5433 { after.__assign = [ final.targets.pg-copy ]; };
  targets.certificate = _: final.services.certificate { };
  targets.pg-tls = _: final.services.postgres {
    name = "pg-tls";
    port = 5434;
    settings = {
      "farm.field" = "north";
      ssl = true;
      ssl_cert_file = "/var/lib/certificates/certificate/cert.pem";
      ssl_key_file = "/var/lib/certificates/certificate/key.pem";
    };
    access = [ "local all all trust" "hostssl all all 127.0.0.1/32 trust" ];
    after = [ final.targets.pg-template final.targets.certificate ];
  };
  targets.pg-steady = instance "pg-steady" 5435 {
    down-signal.__assign = "SIGINT";
    finish.__assign = ''
      echo "$1 $2" >>/run/pg-steady.deaths
      for file in PG_VERSION global/pg_control; do
          [ -e /var/lib/postgresql/pg-steady/$file ] || exit 125
      done
    '';
  };
}
