# hint: unknown-argument
# The word of nginx's configuration file, where the service has one of its own.
final: {
  targets.nginx = _: final.services.nginx { listen = 8082; };
  targets.app2 = _: final.services.app { port = 8001; };
}
