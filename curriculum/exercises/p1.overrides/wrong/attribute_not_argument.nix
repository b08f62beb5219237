# hint: no-change
# Takes packageOverrides for an attribute of the interpreter: it has one now, which nobody reads.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__output.passthru.packageOverrides.__overlay.${package}.__output = {
      doCheck.__assign = false;
      patches.__append = [ patch ];
      env.LIFETIME.__assign = lifetime;
    };
  };

  extend = { interpreter, package, name, version, fork, next, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay = final: prev: {
      ${name} = final.mkDerivation { pname = name; inherit version; inputs = [ final.${package} ]; };
      ${fork} = final.${package}.overrideAttrs (old: { version = next; });
    };
  };
}
