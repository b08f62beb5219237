# Plain infusions, each written out; the rules of access are edited, and finish continues the base's.
final: {
  targets.pg-replica = _: final.infuse final.targets.pg {
    __input.name.__assign = "pg-replica";
    __input.port.__assign = 5433;
    __input.after.__append = [ final.targets.copy ];
  };
  targets.copy = _: final.services.postgres-copy { folder = "/var/lib/postgresql/pg-replica"; };
  targets.cert = _: final.services.certificate { };
  targets.pg-tls = _: final.infuse final.targets.pg {
    __input.name.__assign = "pg-tls";
    __input.port.__assign = 5434;
    __input.settings.ssl.__assign = true;
    __input.settings.ssl_cert_file.__assign = "/var/lib/certificates/certificate/cert.pem";
    __input.settings.ssl_key_file.__assign = "/var/lib/certificates/certificate/key.pem";
    __input.access = map (builtins.replaceStrings [ "host " ] [ "hostssl " ]);
    __input.after.__assign = [ final.targets.cert final.targets.pg-template ];
  };
  targets.pg-steady = _: final.infuse final.targets.pg {
    __input.name.__assign = "pg-steady";
    __input.port.__assign = 5435;
    __input.down-signal.__assign = "SIGINT";
    __input.finish.__append = ''

      echo $1 $2 >> /run/pg-steady.deaths
      test -f /var/lib/postgresql/pg-steady/PG_VERSION -a -f /var/lib/postgresql/pg-steady/global/pg_control || exit 125
    '';
  };
}
