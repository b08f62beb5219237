# hint: names-by-heart
# Names the lab's own packages.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    python311.__input.packageOverrides.__overlay.dnspython.__output = {
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
