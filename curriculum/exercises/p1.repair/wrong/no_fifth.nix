# hint: lacking
# One infusion is gone.
{
  tls = { nginx.tls.port.__assign = 8443; };
  listen = { nginx.listen.__append = [ { port = 443; } ]; };
  user = { nginx.user.__default = "www"; };
  env = { nginx.env.LOG.__assign = "debug"; };
}
