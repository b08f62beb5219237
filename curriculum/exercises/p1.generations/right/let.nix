# A function of our own for instances, and stamp asked for by app2's name alone.
final:
let
  app = port: final.services.app { inherit port; };
in
{
  targets.nginx = old: final.services.nginx { port = 8082; };
  targets.app2 = _: app 8001;
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = "foreground { touch /run/stamp } redirfd -w 1 /run/stamp curl -sf http://127.0.0.1:8001/health";
    passthru = {
      after = [ final.targets.app2 final.targets.redis ];
      before = [ final.targets.default ];
    };
  };
}
