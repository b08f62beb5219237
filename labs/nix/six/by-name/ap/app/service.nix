# The app of the web stack: it counts visits in redis.
{ six, pkgs, targets, port ? 8000, redis ? targets.redis, redis-port ? 6379, program ? "/opt/lab/app.py" }:

six.mkFunnel {
  name = "app";
  notification-fd = 3;
  timeout-up = 5000;
  env = {
    LISTEN = "127.0.0.1:${toString port}";
    REDIS = "127.0.0.1:${toString redis-port}";
    NOTIFY_FD = "3";
  };
  run = [ pkgs.python3 program ];
  passthru = { after = [ redis ]; before = [ targets.default ]; };
}
