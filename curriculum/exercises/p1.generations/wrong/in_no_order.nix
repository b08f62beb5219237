# hint: too-early
# stamp waits for nobody.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8001; };
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = [ "/bin/sh" "-c" "curl -s http://127.0.0.1:8001/health >/run/stamp; true" ];
    passthru.before = [ final.targets.default ];
  };
}
