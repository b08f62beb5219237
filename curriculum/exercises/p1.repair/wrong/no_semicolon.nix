# hint: no-nix
# A binding is not ended.
{
  tls = { nginx.tls.port.__assign = 8443 };
}
