# hint: not-by-name
# stamp depends on a call of the service, which nobody has given a name.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8001; };
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = "redirfd -w 1 /run/stamp curl -sf http://127.0.0.1:8001/health";
    passthru.after = [ (final.services.app { port = 8001; }) ];
    passthru.before = [ final.targets.default ];
  };
}
