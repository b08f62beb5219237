# The packages: programs of the Debian system that this runs on, by their paths. In SixOS these are nixpkgs.
#
# They are not in the store, so a closure does not hold them, and an update of Debian changes what a built system
# runs. That is the price of building without a network.
let
  system = builtins.currentSystem or "x86_64-linux";

  # A derivation from a script for sh. The script may use what Debian has in these folders.
  runCommand = name: environment: script: derivation ({
    inherit name system;
    builder = "/bin/sh";
    args = [ "-ec" "PATH=/usr/local/bin:/usr/bin:/bin\n${script}" ];
  } // environment);
  writeScript = name: text: runCommand name { inherit text; } ''
    printf %s "$text" >"$out"
    chmod +x "$out"
  '';
in
{
  inherit system runCommand;
  sh = "/bin/sh";
  redis = "/usr/bin/redis-server";
  redis-cli = "/usr/bin/redis-cli";
  nginx = "/usr/sbin/nginx";
  python3 = "/usr/bin/python3";
  curl = "/usr/bin/curl";
  openssl = "/usr/bin/openssl";
  # A folder of programs: psql, postgres, initdb, pg_basebackup, …
  postgresql = "/usr/lib/postgresql/17/bin";
  postgres-template = "/var/lib/postgresql/template";

  # as USER PROGRAM …: PROGRAM in the place of this process, as that user. The lab of an ordinary user knows one
  # user only: there the process gets a user namespace of its own, where that one has USER's number.
  as = writeScript "as" ''
    #!/bin/sh
    user=$1
    shift
    s6-setuidgid "$user" true 2>/dev/null && exec s6-setuidgid "$user" "$@"
    exec unshare --user --map-user="$(id -u "$user")" --map-group="$(id -g "$user")" "$@"
  '';

  # A file of the store with this text.
  writeText = name: text: runCommand name { inherit text; } ''printf %s "$text" >"$out"'';
  inherit writeScript;
}
