# hint: no-second
# The one app goes to another port; there is no second one.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app = _: final.services.app { port = 8001; };
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = "redirfd -w 1 /run/stamp curl -sf http://127.0.0.1:8001/health";
    passthru.after = [ final.targets.app ];
    passthru.before = [ final.targets.default ];
  };
}
