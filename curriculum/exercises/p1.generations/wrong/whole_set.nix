# hint: lost
# A function in the place of all targets: it gives a set of its own, in which the machine's other services are not.
final: {
  targets = _: {
    default = final.six.mkBundle { name = "default"; };
    redis = final.services.redis { };
    app = final.services.app { };
    nginx = final.services.nginx { port = 8082; };
    app2 = final.services.app { port = 8001; };
    stamp = final.six.mkOneshot {
      name = "stamp";
      up = "redirfd -w 1 /run/stamp curl -sf http://127.0.0.1:8001/health";
      passthru.after = [ final.targets.app2 ];
      passthru.before = [ final.targets.default ];
    };
  };
}
