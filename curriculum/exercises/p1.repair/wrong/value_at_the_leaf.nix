# hint: leaf
# As it was: a plain value at the end of a path.
{
  tls = { nginx.tls.port = "8443"; };
  listen = { nginx.listen.__append = [ { port = 443; } ]; };
  user = { nginx.user.__default = "www"; };
  env = { nginx.env.LOG.__assign = "debug"; };
  workers = { nginx.limits.workers = n: n * 2; };
}
