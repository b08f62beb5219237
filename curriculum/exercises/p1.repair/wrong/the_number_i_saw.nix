# hint: effect
# Right for the target on the screen only.
{
  tls = { nginx.tls.port.__assign = 8443; };
  listen = { nginx.listen.__append = [ { port = 443; } ]; };
  user = { nginx.user.__default = "www"; };
  env = { nginx.env.LOG.__assign = "debug"; };
  workers = { nginx.limits.workers.__assign = 8; };
}
