# hint: up-line
# The answer goes to where the output of PID 1 goes, and there is no file.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8001; };
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = "curl -sf http://127.0.0.1:8001/health";
    passthru.after = [ final.targets.app2 ];
    passthru.before = [ final.targets.default ];
  };
}
