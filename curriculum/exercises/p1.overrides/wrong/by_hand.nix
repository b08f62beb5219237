# hint: function
# The override as it was, in a function.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: prev: prev // {
    ${interpreter} = prev.${interpreter}.override (args: args // {
      packageOverrides = prev.composeExtensions args.packageOverrides (inner: super: {
        ${package} = super.${package}.overrideAttrs (old: {
          doCheck = false;
          patches = old.patches ++ [ patch ];
          env = old.env // { LIFETIME = lifetime; };
        });
      });
    });
  };

  extend = { interpreter, package, name, version, fork, next, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay = final: prev: {
      ${name} = final.mkDerivation { pname = name; inherit version; inputs = [ final.${package} ]; };
      ${fork} = final.${package}.overrideAttrs (old: { version = next; });
    };
  };
}
