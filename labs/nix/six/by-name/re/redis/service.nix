# redis: keeps everything in memory, and saves it when it ends.
{ six, pkgs, targets, port ? 6379, folder ? "/var/lib/redis", settings ? { }, after ? [ ] }:

let
  all = {
    inherit port;
    bind = "127.0.0.1";
    dir = folder;
    save = "60 1";
    daemonize = "no";
  } // settings;
  conf = pkgs.writeText "redis.conf"
    (builtins.concatStringsSep "" (map (name: "${name} ${toString all.${name}}\n") (builtins.attrNames all)));
in
six.mkFunnel {
  name = "redis";
  notification-fd = 3;
  timeout-up = 5000;
  # redis does not tell when it is ready: s6-notifyoncheck asks ./data/check until it says yes, and tells.
  run = ''
    exec 2>&1
    mkdir -p ${folder}
    exec s6-notifyoncheck -d -n 0 -w 50 ${pkgs.redis} ${conf}
  '';
  data.check = "#!/bin/sh\n[ \"$(${pkgs.redis-cli} -p ${toString port} ping 2>/dev/null)\" = PONG ]\n";
  passthru = { inherit after; before = [ targets.default ]; };
}
