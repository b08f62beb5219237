# hint: siblings
# Gives a whole set where a port was meant.
{
  tls = { nginx.tls.__assign = { port = 8443; }; };
  listen = { nginx.listen.__append = [ { port = 443; } ]; };
  user = { nginx.user.__default = "www"; };
  env = { nginx.env.LOG.__assign = "debug"; };
  workers = { nginx.limits.workers = n: n * 2; };
}
