# hint: effect
# Replaces the listeners that were there.
{
  tls = { nginx.tls.port.__assign = 8443; };
  listen = { nginx.listen.__assign = [ { port = 443; } ]; };
  user = { nginx.user.__default = "www"; };
  env = { nginx.env.LOG.__assign = "debug"; };
  workers = { nginx.limits.workers = n: n * 2; };
}
