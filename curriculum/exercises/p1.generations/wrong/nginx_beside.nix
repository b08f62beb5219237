# hint: old-port
# A second nginx on the new port, and the first one still on the old.
final: {
  targets.nginx2 = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8001; };
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = "redirfd -w 1 /run/stamp curl -sf http://127.0.0.1:8001/health";
    passthru.after = [ final.targets.app2 ];
    passthru.before = [ final.targets.default ];
  };
}
