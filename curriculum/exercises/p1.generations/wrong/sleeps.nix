# hint: too-early
# Waits for a while instead of for app2: it works here, and nothing says that it has to.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8001; };
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = [ "/bin/sh" "-c" "sleep 1; curl -sf http://127.0.0.1:8001/health >/run/stamp" ];
    passthru.before = [ final.targets.default ];
  };
}
