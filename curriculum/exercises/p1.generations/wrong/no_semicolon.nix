# hint: no-syntax
# The first binding ends without its semicolon.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; }
  targets.app2 = _: final.services.app { port = 8001; };
}
