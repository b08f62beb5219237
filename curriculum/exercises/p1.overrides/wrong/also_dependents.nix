# hint: touches-others
# The interpreter gets another version, which nobody asked for.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter} = {
      __output.version.__append = "-patched";
      __input.packageOverrides.__overlay.${package}.__output = {
        doCheck.__assign = false;
        patches.__append = [ patch ];
        env.LIFETIME.__assign = lifetime;
      };
    };
  };

  extend = { interpreter, package, name, version, fork, next, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay = final: prev: {
      ${name} = final.mkDerivation { pname = name; inherit version; inputs = [ final.${package} ]; };
      ${fork} = final.${package}.overrideAttrs (old: { version = next; });
    };
  };
}
