# hint: where-missing
# A function that joins texts, also where there is none.
{
  tls = { nginx.tls.port.__assign = 8443; };
  listen = { nginx.listen.__append = [ { port = 443; } ]; };
  user = { nginx.user = u: u + ""; };
  env = { nginx.env.LOG.__assign = "debug"; };
  workers = { nginx.limits.workers = n: n * 2; };
}
