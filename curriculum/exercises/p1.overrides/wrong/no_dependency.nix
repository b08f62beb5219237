# hint: no-dependency
# The new package knows its dependency by name only.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay.${package}.__output = {
      doCheck.__assign = false;
      patches.__append = [ patch ];
      env.LIFETIME.__assign = lifetime;
    };
  };

  extend = { interpreter, package, name, version, fork, next, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay = final: prev: {
      ${name} = final.mkDerivation { pname = name; inherit version; };
      ${fork} = final.${package}.overrideAttrs (old: { version = next; });
    };
  };
}
