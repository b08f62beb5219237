# hint: where-there
# Takes the user away that was there.
{
  tls = { nginx.tls.port.__assign = 8443; };
  listen = { nginx.listen.__append = [ { port = 443; } ]; };
  user = { nginx.user.__assign = "www"; };
  env = { nginx.env.LOG.__assign = "debug"; };
  workers = { nginx.limits.workers = n: n * 2; };
}
