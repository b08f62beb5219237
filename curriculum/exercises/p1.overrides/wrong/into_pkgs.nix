# hint: on-the-result
# Puts the new packages into pkgs, which came out of the interpreter.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay.${package}.__output = {
      doCheck.__assign = false;
      patches.__append = [ patch ];
      env.LIFETIME.__assign = lifetime;
    };
  };

  extend = { interpreter, package, name, version, fork, next, ... }: {
    ${interpreter} = python: python // {
      pkgs = python.pkgs // {
        ${name} = python.pkgs.mkDerivation { pname = name; inherit version; inputs = [ python.pkgs.${package} ]; };
        ${fork} = python.pkgs.${package}.overrideAttrs (old: { version = next; });
      };
    };
  };
}
