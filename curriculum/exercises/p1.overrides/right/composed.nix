# extend with what nixpkgs has for it: a function of the arguments.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay.${package} = {
      __output.__infuse = {
        doCheck.__assign = false;
        env.LIFETIME.__assign = lifetime;
        patches.__append = [ patch ];
      };
    };
  };
  extend = { interpreter, package, name, version, fork, next, ... }: prev: prev // {
    ${interpreter} = prev.${interpreter}.override (args: args // {
      packageOverrides = prev.composeExtensions args.packageOverrides (inner: super: {
        ${name} = super.mkDerivation { pname = name; inherit version; inputs = [ inner.${package} ]; };
        ${fork} = inner.${package}.overrideAttrs (final: old: { version = next; });
      });
    });
  };
}
