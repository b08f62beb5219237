# A small package set, made for looking at overrides: our own, five packages, no nixpkgs.
#
#   pkgs = import ./packages { };                                   # pkgs.site, pkgs.python311.pkgs.mailcheck, …
#   pkgs = import ./packages { overlays = [ (final: prev: { … }) ]; };
{ overlays ? [ ] }:

let
  make = import ./make.nix;

  base = final:
    let callPackage = make.callPackageWith final; in
    {
      inherit (make) mkDerivation composeExtensions recursiveUpdate;
      inherit callPackage;

      # A library that others are built with.
      tls = callPackage
        ({ mkDerivation }: mkDerivation {
          pname = "tls";
          version = "3.0";
          flags = [ "--shared" ];
          installPhase = ''echo "tls $version" >"$out"'';
        })
        { };

      # A web server: `http2` is an argument, so it is changed with .override.
      server = callPackage
        ({ mkDerivation, tls, http2 ? false }: mkDerivation {
          pname = "server";
          version = "1.26";
          inputs = [ tls ];
          flags = if http2 then [ "--tls" "--http2" ] else [ "--tls" ];
          installPhase = ''echo "server $version ($flags) with $(cat $inputs)" >"$out"'';
        })
        { };

      python311 = callPackage (import ./python.nix) { };
      python311Packages = final.python311.pkgs;

      # No package: settings, three levels deep.
      settings = {
        server.listen = { port = 443; address = "0.0.0.0"; };
        server.modules = [ "gzip" ];
        log = { level = "info"; };
      };
    };
in
make.fix (make.extends overlays base)
