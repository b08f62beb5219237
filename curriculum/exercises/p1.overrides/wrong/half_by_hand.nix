# hint: function
# The last part of the path is a function, which overrides by hand.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay = final: prev: {
      ${package} = prev.${package}.overrideAttrs (old: {
        doCheck = false;
        patches = old.patches ++ [ patch ];
        env = old.env // { LIFETIME = lifetime; };
      });
    };
  };

  extend = { interpreter, package, name, version, fork, next, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay = final: prev: {
      ${name} = final.mkDerivation { pname = name; inherit version; inputs = [ final.${package} ]; };
      ${fork} = final.${package}.overrideAttrs (old: { version = next; });
    };
  };
}
