# An interpreter with a package set of its own, `pkgs`, in which its packages find each other.
#
# The way in is an argument, as in nixpkgs (pkgs/development/interpreters/python): `packageOverrides` is an overlay
# of the inner set. `python311.pkgs` itself is a result; what is changed there nobody inside hears of.
{ mkDerivation, composeExtensions, packageOverrides ? (final: prev: { }) }:

let
  make = import ./make.nix;

  base = final: {
    # What makes a package of this set, as nixpkgs' python3Packages.buildPythonPackage does.
    inherit mkDerivation;

    # Its tests ask a name server on the internet. A build without a network cannot pass them.
    dnspython = mkDerivation {
      pname = "dnspython";
      version = "2.6.1";
      env = { LIFETIME = "5"; EDNS = "1"; };
      checkPhase = ''
        echo "asking the name server 192.0.2.53 ..."
        timeout 1 python3 -c 'import socket; socket.create_connection(("192.0.2.53", 53), 0.5)' 2>/dev/null \
          || { echo "no answer: test_resolver failed"; exit 1; }
      '';
      installPhase = ''echo "dnspython $version" >"$out"'';
    };

    mailcheck = mkDerivation {
      pname = "mailcheck";
      version = "1.4";
      inputs = [ final.dnspython ];
      installPhase = ''echo "mailcheck $version with $(cat $inputs)" >"$out"'';
    };
  };
in
mkDerivation {
  pname = "python";
  version = "3.11";
  passthru.pkgs = make.fix (make.extends [ packageOverrides ] base);
}
