# hint: cycle
# app2 shall come after stamp, and stamp after app2.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8001; redis = final.targets.stamp; };
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = "redirfd -w 1 /run/stamp curl -sf http://127.0.0.1:8001/health";
    passthru.after = [ final.targets.app2 ];
    passthru.before = [ final.targets.default ];
  };
}
