# hint: second-down
# app2 is written by hand, and nothing says that it belongs to what comes up.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.six.mkFunnel {
    name = "app2";
    notification-fd = 3;
    env = { LISTEN = "127.0.0.1:8001"; REDIS = "127.0.0.1:6379"; NOTIFY_FD = "3"; };
    run = [ "/usr/bin/python3" "/opt/lab/app.py" ];
    passthru.after = [ final.targets.redis ];
  };
}
