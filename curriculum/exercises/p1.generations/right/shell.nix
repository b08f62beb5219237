# The same by other means: a script in sh, an infusion of nested sets, the bundle's own list.
final: {
  targets = {
    nginx = _: final.services.nginx { port = 8082; };
    app2 = _: final.services.app { port = 8001; redis = final.targets.redis; };
    stamp = _: final.six.mkOneshot {
      name = "stamp";
      up = [ "/bin/sh" "-c" "curl -sf http://127.0.0.1:8001/health >/run/stamp" ];
      passthru.after = [ final.targets.app2 ];
    };
    default.__output.passthru.after.__append = [ final.targets.stamp ];
  };
}
