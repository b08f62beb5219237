# hint: wrong-set
# Puts the new packages beside the interpreter.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay.${package}.__output = {
      doCheck.__assign = false;
      patches.__append = [ patch ];
      env.LIFETIME.__assign = lifetime;
    };
  };

  extend = { interpreter, package, name, version, fork, next, ... }: prev: prev // {
    ${name} = prev.mkDerivation { pname = name; inherit version; inputs = [ prev.${interpreter}.pkgs.${package} ]; };
    ${fork} = prev.${interpreter}.pkgs.${package}.overrideAttrs (old: { version = next; });
  };
}
