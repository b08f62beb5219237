# hint: stamp-longrun
# The work that is done once, under supervision: it is done again each second.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8001; };
  targets.stamp = _: final.six.mkFunnel {
    name = "stamp";
    run = "curl -sf http://127.0.0.1:8001/health >/run/stamp";
    passthru.after = [ final.targets.app2 ];
    passthru.before = [ final.targets.default ];
  };
}
