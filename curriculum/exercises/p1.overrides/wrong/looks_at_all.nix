# hint: too-eager
# Finds the package by its pname, and looks at every package for that.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay.${package}.__output = {
      doCheck.__assign = false;
      patches.__append = [ patch ];
      env.LIFETIME.__assign = lifetime;
    };
  };

  extend = { interpreter, package, name, version, fork, next, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay = final: prev:
      let
        named = builtins.filter (n: (final.${n}.pname or "") == package) (builtins.attrNames prev);
        found = final.${builtins.head named};
      in
      {
        ${name} = final.mkDerivation { pname = name; inherit version; inputs = [ found ]; };
        ${fork} = found.overrideAttrs (old: { version = next; });
      };
  };
}
