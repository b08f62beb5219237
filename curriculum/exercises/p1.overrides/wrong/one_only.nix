# hint: lacking
# Only one of the two.
{
  rewrite = { interpreter, package, patch, lifetime, ... }: {
    ${interpreter}.__input.packageOverrides.__overlay.${package}.__output = {
      doCheck.__assign = false;
      patches.__append = [ patch ];
      env.LIFETIME.__assign = lifetime;
    };
  };
}
