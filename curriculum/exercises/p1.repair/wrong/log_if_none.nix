# hint: where-there
# Keeps the level that was there.
{
  tls = { nginx.tls.port.__assign = 8443; };
  listen = { nginx.listen.__append = [ { port = 443; } ]; };
  user = { nginx.user.__default = "www"; };
  env = { nginx.env.LOG.__default = "debug"; };
  workers = { nginx.limits.workers = n: n * 2; };
}
