# hint: second-silent
# app2 listens somewhere, not where it was asked to.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8003; };
}
