# hint: activation-failed
# Two apps that want the same port: the second one never gets ready.
final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { };
}
