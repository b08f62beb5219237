# hint: recursion
# The package itself is made from final, so from itself.
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
      ${package} = final.${package}.overrideAttrs (old: { flags = [ ]; });
      ${name} = final.mkDerivation { pname = name; inherit version; inputs = [ final.${package} ]; };
      ${fork} = final.${package}.overrideAttrs (old: { version = next; });
    };
  };
}
