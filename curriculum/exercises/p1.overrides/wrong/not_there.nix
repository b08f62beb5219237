# hint: fails
# Asks for a function that the set does not have.
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
      ${name} = final.buildPythonPackage { pname = name; inherit version; inputs = [ final.${package} ]; };
      ${fork} = final.${package}.overrideAttrs (old: { version = next; });
    };
  };
}
