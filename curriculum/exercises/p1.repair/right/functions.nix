# Functions instead of sugars, a let, and lists.
let
  debug = _: "debug";
  user = { __default = "www"; };
in {
  tls.nginx.tls = t: t // { port = 8443; };
  listen = [ { nginx.listen = l: l ++ [ { port = 443; } ]; } ];
  user.nginx.user = user;
  env.nginx.env = [ { __default = { }; } { LOG = debug; } ];
  workers.nginx.limits.workers = n: n + n;
}
